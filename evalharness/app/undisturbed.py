"""What the interpreter does of its own accord, kept away from what is measured."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager

#: So many containers more than before, and the youngest are looked at.
_COLLECT_AFTER = 50_000
#: How long the thread that stores results may keep the interpreter from the loop that sends and stamps: by default ten
#: times as long, which was the lag of every hundredth dispatch.
_SWITCH_S = 0.000_5


@contextmanager
def undisturbed() -> Iterator[None]:
    """While a run is measured.

    A collection would keep the loop from its sockets: what is there now it need not look at again, and an exchange
    leaves it nothing. It is not switched off: failures do leave something.
    """
    threshold, switch_s = gc.get_threshold(), sys.getswitchinterval()
    gc.collect()
    gc.freeze()
    gc.set_threshold(_COLLECT_AFTER, *threshold[1:])
    sys.setswitchinterval(_SWITCH_S)
    try:
        yield
    finally:
        sys.setswitchinterval(switch_s)
        gc.set_threshold(*threshold)
        gc.unfreeze()
