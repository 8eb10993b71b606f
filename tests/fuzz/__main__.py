"""``python -m tests.fuzz --count N [--seed S]``: breaks N recorded responses and reads them as a run would.

Prints what became of them. Exit code 1 for the first that breaks a promise, with the command that repeats it alone and
the smallest part of it that still does. ``--every K`` checks each K-th thoroughly (``reading.check``), the others for
exceptions, bounds and answers without their end.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from random import Random
from typing import TypeVar

from tests.fuzz.mutations import Example, example
from tests.fuzz.reading import Codecs, check
from tests.support.peak import peak_mib

SequenceT = TypeVar("SequenceT", bytes, tuple[bytes, ...])

#: A codec lives for so many examples: long enough to remember much, short enough to be played again.
_CODEC_LIFE = 1_000
#: No example takes so long, on any machine; one that does hangs.
_HANGS_S = 60


class _HangingError(Exception):
    pass


def main() -> int:
    options = _options()
    signal.signal(signal.SIGALRM, _hangs)
    return asyncio.run(_play(options))


def _hangs(*_: object) -> None:
    raise _HangingError(f"not read after {_HANGS_S} s")


async def _play(options: argparse.Namespace) -> int:
    ended: Counter[str] = Counter()
    slowest, n_bytes, n_thorough = (0.0, 0), 0, 0
    began_s = time.perf_counter()
    for index in range(options.first, options.first + options.count):
        if index == options.first or index % _CODEC_LIFE == 0:
            codecs = Codecs.fresh()
        made = example(seeded(options.seed, index))
        n_bytes += sum(map(len, made.reads))
        thoroughly = index % options.every == 0
        n_thorough += thoroughly
        signal.alarm(_HANGS_S)
        cpu_s = time.process_time()
        try:
            ended[check(made, codecs, thoroughly=thoroughly)] += 1
        except Exception as error:
            signal.alarm(0)
            _explain(made, error, options.seed, index)
            return 1
        slowest = max(slowest, (time.process_time() - cpu_s, index))
    signal.alarm(0)
    took_s = time.perf_counter() - began_s
    print(f"{options.count:,} broken responses ({n_bytes / 2**20:,.0f} MiB), seed {options.seed}, in {took_s:,.0f} s;"
          f" {n_thorough:,} thoroughly; no promise broken")  # fmt: skip
    print(
        f"most memory {peak_mib():.0f} MiB; the slowest took {slowest[0] * 1000:.0f} ms of CPU (--first {slowest[1]})"
    )
    for what, count in ended.most_common():
        print(f"{count:12,} {what}")
    return 0


def seeded(seed: int, index: int) -> Random:
    return Random(seed * 10**12 + index)


def _explain(made: Example, error: Exception, seed: int, index: int) -> None:
    print(f"{type(error).__name__}: {str(error)[:3000]}")
    first = index - index % _CODEC_LIFE
    is_alone = _breaks(made, type(error))
    alone = f"--first {index} --count 1" if is_alone else f"--first {first} --count {index - first + 1}"
    print(f"again: python -m tests.fuzz --seed {seed} {alone} --every 1")
    if is_alone:
        small = smallest(made, lambda each: _breaks(each, type(error)))
        print(f"smallest, {small.protocol}, {'reset' if small.reset else 'closed'}: {list(small.reads)!r}")


def _breaks(made: Example, kind: type[Exception]) -> bool:
    """Alone, with codecs that have seen nothing."""
    signal.alarm(_HANGS_S)
    try:
        check(made, Codecs.fresh(), thoroughly=True)
    except Exception as error:
        return isinstance(error, kind)
    finally:
        signal.alarm(0)
    return False


def smallest(made: Example, breaks: Callable[[Example], bool]) -> Example:
    """With as few reads, and then as few bytes in them, as still break it."""
    if breaks(one := replace(made, reads=(made.raw,))):
        made = one
    reads = reduced(made.reads, lambda fewer: breaks(replace(made, reads=tuple(fewer))))
    for place in range(len(reads)):
        before, after = reads[:place], reads[place + 1 :]
        breaking = partial(_breaks_between, made, breaks, before, after)
        reads = (*before, reduced(reads[place], breaking), *after)
    return replace(made, reads=reads)


def _breaks_between(
    made: Example, breaks: Callable[[Example], bool], before: tuple[bytes, ...], after: tuple[bytes, ...], read: bytes
) -> bool:
    return breaks(replace(made, reads=(*before, read, *after)))


def reduced(whole: SequenceT, breaks: Callable[[SequenceT], bool]) -> SequenceT:
    """Without the halves, quarters, and so on that it breaks without."""
    size = len(whole) // 2
    while size:
        at = 0
        while at < len(whole):
            less = whole[:at] + whole[at + size :]
            if breaks(less):
                whole = less
            else:
                at += size
        size //= 2
    return whole


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--first", type=int, default=0, help="the first example's number")
    parser.add_argument("--every", type=int, default=1, metavar="K", help="check each K-th thoroughly")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
