"""``evalharness version``."""

from __future__ import annotations

import click

from evalharness import __version__


@click.command("version", help="Print the version.")
def command() -> None:
    click.echo(__version__)
