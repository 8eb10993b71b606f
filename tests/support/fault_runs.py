"""A course of faults through the real command: the suite, the fault file, the run, and what server and store say."""

from __future__ import annotations

import datetime
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import trustme

from evalharness.core.model import Status
from tests.support.command_runs import CommandRun, letters, run_cases, unused_address
from tests.support.fault_rows import CONDITIONS, ROWS, Course, FaultRow, Place
from tests.support.servers import simulator

_Certified = tuple[Mapping[str, str], Sequence[str]]


@dataclass(frozen=True, kw_only=True)
class FaultRun(CommandRun):
    """``log`` is the server's, by case."""

    log: Mapping[str, Sequence[Mapping[str, Any]]]
    n_elsewhere: int

    def case_of(self, row: FaultRow) -> str:
        """The case that the row speaks of: its own; where all share the fault, the one that failed, or the last."""
        if not CONDITIONS[row.course].shared:
            return row.name
        failed = [name for name, result in self.results.items() if result.status is Status.ERROR]
        return failed[0] if failed else max(self.log, key=lambda name: self.log[name][0]["read_ns"])


def rows_of(course: Course, *, once: bool) -> list[FaultRow]:
    return [row for row in ROWS if row.course is course and (row.is_retried or not once)]


def fault_run(course: Course, folder: Path, *, once: bool = False) -> FaultRun:
    """One run over all rows of the course. ``once``: each fault meets the first attempt alone."""
    conditions, rows = CONDITIONS[course], rows_of(course, once=once)
    names = [row.name for row in rows] + [f"control-{letters(n)}" for n in range(conditions.n_controls)]
    # A first attempt alone is what a fault meets by itself.
    attempts = "" if once or course is Course.WAITS else ";attempts=every"
    with ExitStack() as stack:
        elsewhere = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        address = f"http://127.0.0.1:{elsewhere.getsockname()[1]}/v1/responses"
        rules = [
            {
                "fault": row.fault.format(elsewhere=address) + attempts,
                "contains": "(" if conditions.shared else f"({row.name})",
            }
            for row in rows
            if row.fault
        ]
        if course is Course.HARMLESS:
            # The other one with the same id.
            rules.append({"fault": "repeated_id", "contains": "(control-a)"})
        certificate = _CERTIFICATES.get(conditions.place)
        trusted, arguments = ({}, ()) if certificate is None else certificate(folder)
        server = stack.enter_context(
            simulator(faults={"rules": rules}, folder=folder, truth_log=folder / "truth.jsonl", arguments=arguments)
        )
        base_url = server.base_url
        if conditions.place is Place.NOBODY:
            base_url = unused_address()
        elif conditions.place is Place.FULL_QUEUE:
            base_url = stack.enter_context(_full_queue())
        ran = run_cases(
            folder, base_url, names, endpoint=conditions.endpoint, request=conditions.request, load=conditions.load,
            variables=trusted,
        )  # fmt: skip
        return FaultRun(**vars(ran), log=ran.by_case(server.log()), n_elsewhere=_n_waiting(elsewhere))


@contextmanager
def _full_queue() -> Iterator[str]:
    """Somebody listens and takes no connection: once two wait, Linux answers no further one, not even to refuse it."""
    with ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(3):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listener.getsockname())
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/v1"


def certified(folder: Path, *, host: str = "127.0.0.1", is_known: bool = True, days: int = 1) -> _Certified:
    """The variables that make an authority known, and what the simulator needs to show a certificate of it."""
    authority = trustme.CA()
    until = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=days)
    authority.issue_cert(host, not_after=until).private_key_and_cert_chain_pem.write_to_path(folder / "server.pem")
    authority.cert_pem.write_to_path(folder / "authority.pem")
    known = {"SSL_CERT_FILE": str(folder / "authority.pem")} if is_known else {}
    return known, ("--tls-cert", str(folder / "server.pem"))


_CERTIFICATES: Mapping[Place, Callable[[Path], _Certified]] = {
    Place.EXPIRED: partial(certified, days=-1),
    Place.OTHER_HOST: partial(certified, host="other.example"),
    Place.UNTRUSTED: partial(certified, is_known=False),
}


def _n_waiting(listener: socket.socket) -> int:
    """Connections that somebody made to it."""
    listener.setblocking(False)
    n_waiting = 0
    while True:
        try:
            listener.accept()[0].close()
        except BlockingIOError:
            return n_waiting
        n_waiting += 1
