"""The command group. Commands are imported when they are named, so that ``--help`` loads none of them."""

from __future__ import annotations

import os
import sys
from importlib import import_module

import click

from evalharness import __version__
from evalharness.core.errors import EvalharnessError, ExitCode

#: Command name -> (module, one-line help). A test compares the texts with the commands' own.
COMMANDS: dict[str, tuple[str, str]] = {
    "init": ("evalharness.cli.init", "Write a suite that runs at once on the simulator."),
    "validate": ("evalharness.cli.validate", "Report every problem of a suite; nothing is called."),
    "plan": ("evalharness.cli.plan", "Show arms, requests, calls, cost and time before money is spent."),
    "run": ("evalharness.cli.run", "Run or resume a suite, write the report, print the decision."),
    "report": ("evalharness.cli.report", "Render stored runs again: HTML, Markdown or terminal."),
    "compare": ("evalharness.cli.compare", "A run against an earlier one or a baseline file, case by case."),
    "trend": ("evalharness.cli.trend", "A suite's runs over time: what changed from run to run, and by how much."),
    "gate": ("evalharness.cli.gate", "Judge a run's gates against a baseline: verdicts only."),
    "baseline": ("evalharness.cli.baseline", "Keep a run as a small file in git, to compare later runs with."),
    "show": ("evalharness.cli.show", "One case of a run, or one trial: every attempt, timeline, output, scores."),
    "list": ("evalharness.cli.list", "The runs in a folder."),
    "export": ("evalharness.cli.export", "A run as JSON lines, CSV, Parquet or JUnit XML."),
    "verify": ("evalharness.cli.verify", "Check a run folder's integrity and hashes."),
    "simulate": ("evalharness.cli.simulate", "Serve the built-in endpoint with declared truth."),
    "local": ("evalharness.cli.local", "Fetch and serve a real small model on this machine."),
    "doctor": ("evalharness.cli.doctor", "Measure this client: what its times can be trusted for."),
    "schema": ("evalharness.cli.schema", "Print the JSON Schema of the suite format."),
    "explain": ("evalharness.cli.explain", "Explain a term, a metric or a grader."),
    "version": ("evalharness.cli.version", "Print the version."),
}


class LazyGroup(click.Group):
    """Knows its commands by name and help line; imports a command's module only to run it."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, _ = COMMANDS[cmd_name]
        command: click.Command = import_module(module).command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            import difflib

            close = difflib.get_close_matches(args[0], COMMANDS, n=1)
            hint = f" Did you mean '{close[0]}'?" if close else ""
            ctx.fail(f"No such command '{args[0]}'.{hint}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="evalharness")
def group() -> None:
    """Which reasoning effort should we pay for? Did this change break our prompts? How fast is this endpoint?

    Try it without key or network: evalharness init && evalharness run suite.yaml
    """


def main(arguments: list[str] | None = None) -> None:
    """Run the program and leave with its exit code."""
    if sys.platform == "win32":
        sys.exit("evalharness runs on Linux and macOS. On Windows use it inside WSL.")
    sys.exit(_run(arguments))


def _run(arguments: list[str] | None) -> int:
    try:
        # Not ``group.main``: that ends the process with 1 where the reader of a pipe has gone.
        with group.make_context("evalharness", sys.argv[1:] if arguments is None else arguments) as ctx:
            group.invoke(ctx)
        sys.stdout.flush()
        return ExitCode.OK
    except click.exceptions.Exit as leaving:
        return leaving.exit_code
    except click.ClickException as problem:
        problem.show()
        return ExitCode.USAGE
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted", err=True)
        return ExitCode.INTERRUPTED
    except EvalharnessError as problem:
        from evalharness.report.visible import visible

        click.echo(visible(f"error: {problem.message}"), err=True)
        if problem.hint:
            click.echo(visible(f"hint: {problem.hint}"), err=True)
        return problem.exit_code
    except BrokenPipeError:
        say_nothing_more()
        return ExitCode.OK


def say_nothing_more() -> None:
    """The reader of a pipe (``| head``) has gone: write no more, also not while the interpreter closes stdout."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
