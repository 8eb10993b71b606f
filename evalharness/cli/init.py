"""``evalharness init``."""

from __future__ import annotations

import json
from pathlib import Path

import click

from evalharness.core.errors import StoreError, UsageError


@click.command("init", help="Write a suite that runs at once on the simulator.")
@click.argument("folder", metavar="[DIR]", default=".", type=click.Path(path_type=Path, file_okay=False))
def command(folder: Path) -> None:
    from evalharness.suite.files import template_text
    from evalharness.suite.schema_json import schema_json

    texts = {
        folder / "suite.yaml": template_text(),
        folder / "evalharness.schema.json": json.dumps(schema_json(), indent=2, ensure_ascii=False) + "\n",
    }
    suite = folder / "suite.yaml"
    if suite.exists():
        raise UsageError(f"{suite} exists and is left as it is", hint="name another folder: evalharness init DIR")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path, text in texts.items():
            path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise StoreError(f"cannot write into {folder}: {error.strerror}") from error
    click.echo(f"{suite} is ready. Next:\n  evalharness plan {suite}\n  evalharness run {suite}")
