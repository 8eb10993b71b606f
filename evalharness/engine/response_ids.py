"""Response ids seen in a run: no identity of ours, but who gives one twice may have given one answer twice."""

from __future__ import annotations

from collections.abc import Iterable


class ResponseIds:
    """Those of all endpoints of a run, kept as 64-bit hashes: 70 MB for a million."""

    def __init__(self, known: Iterable[str] = ()) -> None:
        """``known``: of calls that earlier sessions of the run made."""
        self._seen = {hash(response_id) for response_id in known}

    def seen_before(self, response_id: str) -> bool:
        """Whether it was; from now on it is."""
        n_seen = len(self._seen)
        self._seen.add(hash(response_id))
        return len(self._seen) == n_seen
