"""``evalharness list [DIR]``."""

from __future__ import annotations

from pathlib import Path

import click

from evalharness.cli.options import out_option


@click.command("list", help="The runs in a folder.")
@click.argument("folder", metavar="[DIR]", required=False, type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@out_option
def command(folder: Path | None, as_json: bool, out: Path | None) -> None:
    import json

    from evalharness.app.find import out_folder, state_of
    from evalharness.report.numbers import plural
    from evalharness.report.visible import visible
    from evalharness.store.runs import list_runs

    runs = list_runs(out_folder(folder or out))
    if as_json:
        rows = [
            {
                "run_id": run.manifest.run_id,
                "suite": run.manifest.suite_name,
                "state": state_of(run),
                "created_utc": run.manifest.created_utc,
                "exit_code": run.manifest.exit_code,
                "n_lost_attempts": run.n_lost,
                "folder": str(run.folder),
            }
            for run in runs
        ]
        click.echo(json.dumps({"runs": rows}))
        return
    if not runs:
        click.echo(f"no runs under {out_folder(folder or out)}", err=True)
    for run in runs:
        manifest = run.manifest
        told = [manifest.stop_message] if manifest.stop_message else []
        told += [f"{plural(run.n_lost, 'attempt')} in flight then, perhaps charged"] if run.n_lost else []
        reason = f"  ({'; '.join(told)})" if told else ""
        click.echo(visible(f"{manifest.run_id}  {manifest.suite_name:24}  {state_of(run):9}{reason}"))
