"""``evalharness simulate``."""

from __future__ import annotations

import os
from pathlib import Path

import click

from evalharness.core.errors import UsageError


@click.command("simulate", help="Serve the built-in endpoint with declared truth.")
@click.option("--port", type=click.IntRange(0, 65535), default=8080, show_default=True, help="0: any free port.")
@click.option("--seed", type=int, default=1, show_default=True, help="Which population of answers and times.")
@click.option("--profile", default="default", show_default=True, metavar="NAME|FILE", help="The declared truth.")
@click.option("--faults", type=click.Path(path_type=Path), metavar="FILE", help="Scripted faults (JSON).")
@click.option("--truth-log", type=click.Path(path_type=Path), metavar="FILE", help="Log what was sent, and when.")
@click.option("--api-key-env", metavar="NAME", help="Ask callers for the key in this variable.")
@click.pass_context
def command(
    ctx: click.Context,
    port: int,
    seed: int,
    profile: str,
    faults: Path | None,
    truth_log: Path | None,
    api_key_env: str | None,
) -> None:
    from evalharness.simulator.__main__ import main

    arguments = ["--port", str(port), "--seed", str(seed), "--profile", profile]
    if faults is not None:
        arguments += ["--faults", str(faults)]
    if truth_log is not None:
        arguments += ["--truth-log", str(truth_log)]
    if api_key_env is not None:
        if not os.environ.get(api_key_env):
            raise UsageError(f"the variable {api_key_env} is not set")
        arguments += ["--api-key", os.environ[api_key_env]]
    click.echo("the address is the base_url of an endpoint; model names begin with sim-; Ctrl-C ends it", err=True)
    ctx.exit(main(arguments))
