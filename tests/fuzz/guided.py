"""Fuzzing that is led by coverage: ``pip install atheris``, then ``python -m tests.fuzz.guided CORPUS_DIR [OPTIONS]``.

The options are libFuzzer's (``-max_total_time=300``). The corpus starts from the recordings; what is found is written
beside it. The first byte of an input says the protocol, how the connection ends and how large a read is.
"""

from __future__ import annotations

import asyncio
import importlib
import sys
from pathlib import Path

atheris = importlib.import_module("atheris")

with atheris.instrument_imports(include=["evalharness.wire", "evalharness.transport"]):
    from tests.fuzz.mutations import Example, recordings
    from tests.fuzz.reading import Codecs, check

_PROTOCOLS = ("responses", "chat")
_READ_BYTES = (1, 60, 1_460, 65_536)


def example(data: bytes) -> Example:
    choice, raw = data[0] if data else 0, data[1:]
    size = _READ_BYTES[choice >> 2 & 3]
    if len(raw) > 5_000:
        size = _READ_BYTES[-1]
    reads = tuple(raw[at : at + size] for at in range(0, len(raw), size))
    return Example(_PROTOCOLS[choice & 1], reads, reset=bool(choice & 2))


def main() -> None:
    corpus = Path(sys.argv[1])
    corpus.mkdir(exist_ok=True)
    for number, each in enumerate(recordings()):
        choice = bytes([_PROTOCOLS.index(each.protocol) | 3 << 2])
        (corpus / f"recording-{number}").write_bytes(choice + each.head + b"\r\n\r\n" + each.body)
    loop = asyncio.new_event_loop()

    async def read(data: bytes) -> None:
        check(example(data), Codecs.fresh(), thoroughly=True)

    atheris.Setup(sys.argv, lambda data: loop.run_until_complete(read(data)))
    atheris.Fuzz()


if __name__ == "__main__":
    main()
