"""``evalharness simulate``."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click


@click.command("simulate", help="Serve the built-in endpoint with declared truth.")
@click.option("--port", type=click.IntRange(0, 65535), default=8080, show_default=True, help="0: any free port.")
@click.option("--seed", type=int, default=1, show_default=True, help="The population of answers and times.")
@click.option("--profile", default="default", show_default=True, metavar="NAME|FILE", help="Declared truth.")
@click.option("--faults", type=click.Path(path_type=Path, exists=True, dir_okay=False), help="Scripted faults (JSON).")
@click.option("--truth-log", type=click.Path(path_type=Path, dir_okay=False), help="What was sent, and when.")
@click.option("--api-key-env", metavar="NAME", help="Ask for the key that is in this variable.")
def command(**options: object) -> None:
    from evalharness.app.simulate import serve

    asyncio.run(serve(**options))  # type: ignore[arg-type]
