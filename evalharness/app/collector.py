"""The garbage collector, kept away from what is measured."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

#: So many containers more than before, and the youngest are looked at.
_COLLECT_AFTER = 50_000


@contextmanager
def rare_collection() -> Iterator[None]:
    """It would keep the loop from its sockets: what is there now it need not look at again, and an exchange leaves it
    nothing. It is not switched off: failures do leave something."""
    before = gc.get_threshold()
    gc.collect()
    gc.freeze()
    gc.set_threshold(_COLLECT_AFTER, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()
