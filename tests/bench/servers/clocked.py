"""``clocked_server.c`` for the length of one run, and its log afterwards."""

from __future__ import annotations

import signal
import subprocess
from pathlib import Path
from types import TracebackType

from tests.bench.compiling import compiled
from tests.bench.servers.answers import Answer, as_file
from tests.bench.servers.truth import Truth, read_log

_SOURCE = Path(__file__).with_name("clocked_server.c")
_PATIENCE_S = 20


class ClockedServer:
    """A context manager: within it ``port`` answers; after it ``truth`` is known."""

    def __init__(self, answer: Answer, warm: Answer, folder: Path) -> None:
        self._log = folder / "clocked.log"
        self._answers = folder / "clocked.answers"
        self._answers.write_bytes(as_file([warm, answer]))
        self._program = compiled(_SOURCE, folder)

    def __enter__(self) -> ClockedServer:
        self._log.unlink(missing_ok=True)
        self._process = subprocess.Popen(
            [self._program, self._answers, self._log], stdout=subprocess.PIPE, text=True, start_new_session=True
        )
        assert self._process.stdout is not None
        self.port = int(self._process.stdout.readline())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.send_signal(signal.SIGTERM)
        self._process.communicate(timeout=_PATIENCE_S)

    @property
    def truth(self) -> Truth:
        return read_log(self._log)
