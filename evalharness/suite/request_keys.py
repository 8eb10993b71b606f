"""Request parameters pass through untouched; a near miss of a known one is still a mistake.

A key nobody knows is left alone (gateways have their own), but ``resoning`` is ``reasoning`` misspelt, and a service
that ignores unknown keys would answer a whole sweep with its default.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from evalharness.core.model import Json
from evalharness.suite.problems import near
from evalharness.suite.yaml_text import Path

# Responses API parameters, then those of other services that lie near one of them and are not misspelt.
TOP_LEVEL = (
    *("background", "context_management", "conversation", "include", "instructions", "max_output_tokens"),
    *("max_tool_calls", "metadata", "model", "parallel_tool_calls", "previous_response_id", "prompt"),
    *("prompt_cache_key", "prompt_cache_retention", "reasoning", "safety_identifier", "service_tier", "store"),
    *("stream", "stream_options", "temperature", "text", "tool_choice", "tools", "top_logprobs", "top_p"),
    *("truncation", "user"),
)
_ELSEWHERE = ("top_k", "top_a", "min_p", "logprobs", "seed", "stop", "n", "max_tokens", "max_completion_tokens")
_NESTED: Mapping[str, tuple[str, ...]] = {
    "reasoning": ("effort", "summary", "generate_summary", "max_tokens", "enabled", "exclude"),
    "text": ("format", "verbosity"),
}
EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
_VALUES: Mapping[Path, tuple[str, ...]] = {
    ("reasoning", "effort"): EFFORTS,
    ("reasoning", "summary"): ("auto", "concise", "detailed", "none"),
    ("text", "verbosity"): ("low", "medium", "high"),
}
_CLOSE = 0.74


def misspelt(request: Mapping[str, Json]) -> Iterator[tuple[Path, str, str]]:
    """(path, message, hint) for every key or value of a body that is almost a known one."""
    for key, value in request.items():
        yield from misspelt_path((key,), value)


def misspelt_path(path: Path, value: Json) -> Iterator[tuple[Path, str, str]]:
    """The same for one value at ``path`` of the body."""
    known = (*TOP_LEVEL, *_ELSEWHERE) if len(path) == 1 else _NESTED.get(str(path[0]), ()) if len(path) == 2 else ()
    if known and path[-1] not in known:
        close = near(path[-1], known, cutoff=_CLOSE)
        if close is not None:
            yield path, f"unknown request parameter `{path[-1]}`", f"did you mean `{close}`?"
            return
    if isinstance(value, Mapping) and len(path) == 1:
        for key, inner in value.items():
            yield from misspelt_path((*path, key), inner)
    values = _VALUES.get(path, ())
    if isinstance(value, str) and values and value not in values:
        close = near(value, values, cutoff=_CLOSE)
        if close is not None:
            yield path, f"`{value}` is not a known value", f"did you mean `{close}`?"
