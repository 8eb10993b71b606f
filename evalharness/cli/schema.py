"""``evalharness schema``."""

from __future__ import annotations

import json

import click


@click.command("schema", help="Print the JSON Schema of the suite format.")
def command() -> None:
    from evalharness.suite.schema_json import schema_json

    click.echo(json.dumps(schema_json(), indent=2, ensure_ascii=False))
