"""Which fault happens to which request: by a seeded schedule, or by the ``X-Sim-Fault`` header. Pure.

A fault is written ``name`` or ``name;key=value;...``, e.g. ``rate_limit;retry_after=2`` or ``cut;how=reset;after=5``.
``attempts=1`` (the default) spares the second request with the same ``X-Client-Request-Id``, so that a retry succeeds;
``attempts=every`` does not. What each does: ``effects.py``; the names and their settings: ``CATALOGUE``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from evalharness.simulator import draws
from evalharness.simulator.profile import ProfileError

#: Every fault with its settings and their defaults. None: not sent, or the middle of the stream.
CATALOGUE: Mapping[str, Mapping[str, Any]] = {
    # the whole response is another one
    "rate_limit": {"retry_after": None, "retry_after_ms": None, "retry_after_date": None, "should_retry": None},
    "quota": {},
    "status": {"code": 500, "body": "json", "retry_after": None, "retry_after_ms": None, "should_retry": None},
    "html": {},
    "redirect": {"to": "http://127.0.0.1:9/v1/responses", "code": 307},
    "reset": {},
    "close": {},
    "refuse": {"ms": 300},
    "garbage": {},
    # the answer is another one
    "refusal": {},
    "incomplete": {"reason": "max_output_tokens"},
    "long": {"deltas": 1, "bytes": 8 * 2**20},
    "text": {"kind": "ansi"},
    "repeated_id": {},
    # the stream of events is another one
    "failed": {"after": None},
    "error": {"shape": "flat", "after": None, "then_failed": False},
    "malformed": {"after": None},
    "no_usage": {},
    "usage": {"kind": "sum"},
    "no_deltas": {},
    "no_terminal": {"done": False},
    "duplicate": {"after": None},
    "missing": {"after": None},
    "swapped": {"after": None},
    "unknown": {"after": None},
    # the bytes are written in another way
    "cut": {"how": "fin", "where": "event", "after": None},
    "stall": {"where": "middle", "ms": 3_600_000, "keepalive": None, "after": None},
    "newline": {"kind": "crlf"},
    "bom": {},
    "together": {},
    "bytewise": {},
    "split": {"parts": 3},
    "fields": {},
    "invalid_utf8": {"after": None},
    "content_type": {"to": "text/html"},
    "gzip": {"flush": True},
    "encoding": {"kind": "deflate", "flush": True},
    "framing": {"kind": "extensions"},
    "interim": {"code": 103, "times": 1},
    "endless": {"what": "text"},
    "bomb": {"mib": 1024},
    "stale": {},
}
_CHOICES = {
    ("status", "body"): ("json", "html", "text", "empty"),
    ("incomplete", "reason"): ("max_output_tokens", "content_filter"),
    ("error", "shape"): ("flat", "nested"),
    ("text", "kind"): ("ansi", "nul", "surrogate", "brackets"),
    ("usage", "kind"): ("sum", "negative", "nan", "text", "huge"),
    ("cut", "how"): ("fin", "reset", "clean"),
    ("cut", "where"): ("head", "event", "chunk", "character"),
    ("stall", "where"): ("head", "first", "middle"),
    ("newline", "kind"): ("crlf", "cr"),
    ("gzip", "flush"): (True, False),
    ("encoding", "kind"): ("gzip", "deflate", "bare-deflate", "br", "zstd"),
    ("encoding", "flush"): (True, False),
    ("framing", "kind"): ("extensions", "close"),
    ("interim", "code"): (100, 102, 103),
    ("endless", "what"): ("head", "text", "comments"),
}
_NUMERIC = frozenset(
    {"after", "ms", "keepalive", "code", "retry_after_date", "times", "deltas", "bytes", "parts", "mib"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """``settings`` holds every key of the catalogue. ``attempts`` empty: every attempt."""

    name: str
    settings: Mapping[str, Any]
    attempts: tuple[int, ...] = (1,)

    def hits(self, attempt: int) -> bool:
        return not self.attempts or attempt in self.attempts


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a rule can look at. ``ordinal`` counts the requests of the server from 1."""

    seed: int
    draw: str
    problem: str
    attempt: int
    ordinal: int
    model: str
    effort: str
    question: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A fault and whom it hits: a ``share`` of all requests that fit, drawn by their id; or the n-th ``requests``."""

    fault: Fault
    share: float = 1.0
    requests: tuple[int, ...] = ()
    effort: str | None = None
    model: str | None = None
    contains: str | None = None

    def hits(self, asked: Asked, index: int) -> bool:
        if not self.fault.hits(asked.attempt) or (self.requests and asked.ordinal not in self.requests):
            return False
        if self.effort not in (None, asked.effort) or self.model not in (None, asked.model):
            return False
        if self.contains is not None and self.contains not in asked.question:
            return False
        key = (asked.seed, "fault", index, asked.model, asked.effort, asked.problem, asked.draw)
        return self.share >= 1.0 or draws.uniform(*key) < self.share


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultPlan:
    """Rules in order; the first that hits decides."""

    rules: tuple[Rule, ...] = field(default=())

    def choose(self, asked: Asked) -> Fault | None:
        return next((rule.fault for index, rule in enumerate(self.rules) if rule.hits(asked, index)), None)


def parse_fault(text: str) -> Fault:
    """Reads ``name;key=value``. Raises ``ProfileError`` that lists what is known."""
    name, *pairs = (part.strip() for part in text.split(";"))
    if name not in CATALOGUE:
        raise ProfileError(f"no fault {name!r}: one of {', '.join(CATALOGUE)}")
    settings = dict(CATALOGUE[name])
    attempts: tuple[int, ...] = (1,)
    for pair in filter(None, pairs):
        key, _, value = pair.partition("=")
        if key == "attempts":
            attempts = _attempts(value)
        elif key not in settings:
            raise ProfileError(f"fault {name!r} has no setting {key!r}: one of {', '.join([*settings, 'attempts'])}")
        else:
            settings[key] = _setting(name, key, value)
    return Fault(name=name, settings=settings, attempts=attempts)


def _setting(name: str, key: str, text: str) -> Any:
    try:
        value = json.loads(text)
    except ValueError:
        value = text
    choices = _CHOICES.get((name, key))
    if choices is not None and value not in choices:
        raise ProfileError(f"fault {name!r}: {key} is one of {', '.join(map(_written, choices))}, not {text!r}")
    if key in _NUMERIC and value is not None and not isinstance(value, (int, float)):
        raise ProfileError(f"fault {name!r}: {key} is a number, not {text!r}")
    return value


def _written(value: object) -> str:
    """As one writes it in a fault."""
    return value if isinstance(value, str) else json.dumps(value)


def _attempts(text: str) -> tuple[int, ...]:
    if text == "every":
        return ()
    if not all(part.strip().isdigit() for part in text.split(",")):
        raise ProfileError(f"attempts={text!r}: give numbers such as 1,2 or the word every")
    return tuple(int(part) for part in text.split(","))


def load_faults(path: Path) -> FaultPlan:
    """Reads ``{"rules": [{"fault": "cut;how=reset", "share": 0.1, ...}]}``. Raises ``ProfileError``."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return FaultPlan(rules=tuple(_rule(rule) for rule in content["rules"]))
    except OSError as error:
        raise ProfileError(f"fault file {path}: {error.strerror}") from error
    except (ValueError, KeyError, TypeError) as error:
        detail = str(error) if isinstance(error, ValueError) else 'must be {"rules": [{"fault": "name", ...}]}'
        raise ProfileError(f"fault file {path}: {detail}") from error


def _rule(written: Mapping[str, Any]) -> Rule:
    values = dict(written)
    fault = parse_fault(values.pop("fault"))
    if unknown := set(values) - {"share", "requests", "effort", "model", "contains"}:
        raise ProfileError(f"a rule has no key {', '.join(sorted(unknown))}")
    values["requests"] = tuple(values.get("requests", ()))
    return Rule(fault=fault, **values)
