"""``evalharness explain TERM``."""

from __future__ import annotations

import click

from evalharness.core.errors import UsageError


@click.command("explain", help="Explain a term, a metric or a grader.")
@click.argument("term", required=False)
def command(term: str | None) -> None:
    from evalharness.app.explain import explanations

    entries = explanations()
    if term is None:
        click.echo("Terms: " + ", ".join(sorted(entries)))
        return
    wanted = term.strip().lower()
    if wanted not in entries and f"{wanted}_ms" in entries:
        wanted += "_ms"
    if wanted not in entries:
        import difflib

        close = difflib.get_close_matches(wanted, entries, n=3)
        hint = f"did you mean {' or '.join(close)}?" if close else "evalharness explain lists all terms"
        raise UsageError(f"nothing is known of '{term}'", hint=hint)
    click.echo(f"{wanted}\n{entries[wanted]}")
