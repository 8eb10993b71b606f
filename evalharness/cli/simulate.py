"""``evalharness simulate``."""

from __future__ import annotations

import os
from typing import Any

import click

from evalharness.core.errors import UsageError


@click.command("simulate", help="Serve the built-in endpoint with declared truth.")
@click.option("--host", default="127.0.0.1", show_default=True, metavar="NAME", help="Which address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), default=8080, show_default=True, help="0: any free port.")
@click.option("--unix", type=click.Path(), metavar="PATH", help="Listen on this Unix socket instead.")
@click.option("--tls-cert", type=click.Path(), metavar="FILE", help="Serve HTTPS with this certificate (PEM).")
@click.option("--tls-key", type=click.Path(), metavar="FILE", help="Its key, where the certificate's file has none.")
@click.option("--seed", type=int, default=1, show_default=True, help="Which population of answers and times.")
@click.option("--profile", default="default", show_default=True, metavar="NAME|FILE", help="The declared truth.")
@click.option("--time-scale", type=click.FloatRange(0), metavar="X", help="All times this often; 0: no waiting.")
@click.option("--faults", type=click.Path(), metavar="FILE", help="Scripted faults (JSON).")
@click.option("--truth-log", type=click.Path(), metavar="FILE", help="Log what was sent, and when.")
@click.option("--api-key-env", metavar="NAME", help="Ask callers for the key in this variable.")
@click.pass_context
def command(ctx: click.Context, /, api_key_env: str | None, **options: Any) -> None:
    from evalharness.simulator.__main__ import main

    given = {name: value for name, value in options.items() if value is not None}
    arguments = [word for name, value in given.items() for word in (f"--{name.replace('_', '-')}", str(value))]
    if api_key_env is not None:
        if not os.environ.get(api_key_env):
            raise UsageError(f"the variable {api_key_env} is not set")
        arguments += ["--api-key", os.environ[api_key_env]]
    click.echo("the address is the base_url of an endpoint; model names begin with sim-; Ctrl-C ends it", err=True)
    ctx.exit(main(arguments))
