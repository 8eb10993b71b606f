"""``evalharness export RUN --format F -o FILE``."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from evalharness.cli.options import out_option


@click.command("export", help="A run as JSON lines, CSV, Parquet or JUnit XML.")
@click.argument("run")
@click.option("--format", "form", required=True, metavar="FORMAT", help="jsonl, csv, parquet or junit.")
@click.option("-o", "--output", type=click.Path(path_type=Path), metavar="FILE", help="The file to write [stdout].")
@out_option
def command(run: str, form: str, output: Path | None, out: Path | None) -> None:
    from evalharness.app import publish
    from evalharness.app.find import run_folder
    from evalharness.report.write import write_bytes

    data = publish.export(run_folder(run, out), form)
    if output is None or str(output) == "-":
        sys.stdout.buffer.write(data)
    else:
        write_bytes(output, data)
        click.echo(str(output), err=True)
