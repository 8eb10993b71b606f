"""Which clients there are and how each is started."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tests.bench.compiling import compiled, why_no_c

_EPOLL_CLIENT = Path(__file__).parent / "clients" / "epoll_client.c"


@dataclass(frozen=True, slots=True, kw_only=True)
class Contestant:
    """``module`` is the client's; None for the one in C. ``needs`` are the libraries it cannot do without."""

    name: str
    module: str | None = None
    needs: tuple[str, ...] = ()

    def why_missing(self) -> str | None:
        if self.module is None:
            return why_no_c()
        absent = [library for library in self.needs if importlib.util.find_spec(library) is None]
        return f"{' and '.join(absent)} not installed" if absent else None

    def command(self, folder: Path) -> list[str]:
        if self.module is None:
            return [str(compiled(_EPOLL_CLIENT, folder))]
        return [sys.executable, "-m", f"tests.bench.clients.{self.module}"]


OURS = "ours"
OURS_SEND = "ours, through send"
C = "C, epoll"
AIOHTTP = "aiohttp"

CONTESTANTS = {
    contestant.name: contestant
    for contestant in (
        Contestant(name=OURS, module="ours"),
        Contestant(name=OURS_SEND, module="ours_send", needs=("httpx",)),
        Contestant(name=C),
        Contestant(name=AIOHTTP, module="aiohttp_client", needs=("aiohttp", "uvloop")),
        Contestant(name="httpx", module="httpx_client", needs=("httpx",)),
        Contestant(name="openai", module="openai_client", needs=("openai",)),
    )
}


def named(names: Iterable[str]) -> list[Contestant]:
    return [CONTESTANTS[name] for name in names]
