"""Options that several commands share, and the values they are made into."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from evalharness.core.errors import UsageError

if TYPE_CHECKING:
    from evalharness.plan.select import PlanFlags

Command = TypeVar("Command", bound=Callable[..., Any])

_PLAN_OPTIONS = (
    click.option("--endpoint", metavar="NAME", help="Send the calls to this endpoint of the suite."),
    click.option("--limit", type=click.IntRange(min=1), metavar="N", help="Only the first N cases."),
    click.option("--repeats", type=click.IntRange(min=1), metavar="N", help="Instead of the suite's repeats."),
    click.option("--tag", "tags", multiple=True, metavar="T", help="Only cases with this tag; may be repeated."),
    click.option(
        "--case", "cases", multiple=True, metavar="GLOB", help="Only cases whose id matches; may be repeated."
    ),
    click.option("--arm", "arms", multiple=True, metavar="KEY=VALUE", help="Only arms with this value on an axis."),
    click.option("--seed", type=int, metavar="N", help="Instead of the suite's seed."),
)

_PLAN_NAMES = ("endpoint", "limit", "repeats", "tags", "cases", "arms", "seed")


def suite_argument(command: Command) -> Command:
    return click.argument("suite", type=click.Path(path_type=Path))(command)


def plan_options(command: Command) -> Command:
    """The flags that narrow what is measured."""
    for option in reversed(_PLAN_OPTIONS):
        command = option(command)
    return command


def out_option(command: Command) -> Command:
    return click.option("--out", type=click.Path(path_type=Path), metavar="DIR", help="Where runs are kept [reports].")(
        command
    )


def baseline_option(command: Command) -> Command:
    text = "Compare with this run, or with a file that `baseline write` made."
    return click.option("--baseline", metavar="FILE|RUN", help=text)(command)


def markdown_options(command: Command) -> Command:
    """For commands with ``--format markdown``."""
    comment = click.option("--comment", is_flag=True, help="At most 8 kB, for a comment on a change (Markdown).")
    link = click.option("--link", default="", metavar="URL", help="Where the whole report is, to link to (Markdown).")
    return comment(link(command))


def check_markdown(form: str, comment: bool, link: str) -> None:
    """Raises ``UsageError`` where another format was asked for."""
    if form != "markdown" and (comment or link):
        given = "--comment" if comment else "--link"
        raise UsageError(f"{given} is of `--format markdown`", hint="add it, or leave that out")


#: Settings that lift protections.
ALLOWED = ("allow_code", "allow_outside", "allow_http")


def allow_options(command: Command) -> Command:
    texts = {
        "--allow-http": "Let keys and prompts leave this machine in clear, to http:// addresses.",
        "--allow-outside": "Let the suite name files outside its folder.",
        "--allow-code": "Let graders run code: yours, and that of answers, isolated.",
    }
    for name, text in texts.items():
        command = click.option(name, is_flag=True, default=None, help=text)(command)
    return command


def env_file_option(command: Command) -> Command:
    text = "Read variables (keys) from this file; the environment's own win."
    return click.option("--env-file", type=click.Path(path_type=Path), metavar="FILE", help=text)(command)


def plan_flags(options: Mapping[str, Any]) -> PlanFlags:
    """The plan flags among a command's options."""
    from evalharness.plan.select import PlanFlags

    given = {name: options[name] for name in _PLAN_NAMES}
    return PlanFlags(**{**given, "arms": arm_values(given["arms"])})


def arm_values(texts: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """``KEY=VALUE`` options by axis; several values of one axis are alternatives."""
    values: dict[str, tuple[str, ...]] = {}
    for text in texts:
        axis, separator, value = text.partition("=")
        if not separator or not axis:
            raise click.BadParameter(f"'{text}' is not KEY=VALUE, as in --arm reasoning.effort=low")
        values[axis] = (*values.get(axis, ()), value)
    return values
