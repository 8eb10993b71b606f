"""Deterministic graders: one module per ``type:`` of a suite, pure functions of a case and a transcript.

A module holds ``Params`` (a pydantic model of the keys a suite may write) and ``Grader(params)`` with
``grade(case, transcript) -> Score``. The folder is the registry: nothing is imported until it is named, and modules
that begin with an underscore are shared parts, not types.

Life of a grader: the suite checks its keys with ``load(type).Params`` while templates are still unrendered; for each
trial the keys are rendered and ``build`` makes the grader that names its score and compares it with ``pass_at``.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from types import ModuleType

from pydantic import ValidationError

from evalharness.core.errors import UsageError
from evalharness.core.model import Json
from evalharness.graders._named import NamedGrader, UnusableGrader
from evalharness.graders._params import RENDERED, problems_in_words

__all__ = ["build", "load", "names"]


@cache
def names() -> tuple[str, ...]:
    """Every type that ships, sorted: the file names of this folder."""
    modules = Path(__file__).parent.glob("*.py")
    return tuple(sorted(module.stem for module in modules if not module.stem.startswith("_")))


def load(grader_type: str) -> ModuleType:
    """The module of a type, with its ``Params`` and ``Grader``.

    Raises ``UsageError`` with the nearest name, or all names, for a type that does not exist.
    """
    if grader_type not in names():
        near = get_close_matches(grader_type, names(), n=1)
        hint = f"did you mean `{near[0]}`?" if near else "one of: " + ", ".join(names())
        raise UsageError(f"there is no grader type `{grader_type}`", hint=hint)
    return importlib.import_module(f"{__name__}.{grader_type}")


def build(grader_id: str, grader_type: str, params: Mapping[str, Json], pass_at: float) -> NamedGrader:
    """A grader for one case, from its *rendered* keys; its score carries ``grader_id`` and ``passed``.

    Keys that turn out unusable once rendered (``expected: abc`` of a number) are data of that case: the grader is
    built all the same and gives None with the reason. An unknown type raises ``UsageError``.
    """
    module = load(grader_type)
    try:
        checked = module.Params.model_validate(dict(params), context=RENDERED)
    except ValidationError as error:
        return NamedGrader(grader_id=grader_id, pass_at=pass_at, inner=UnusableGrader(problems_in_words(error)))
    return NamedGrader(grader_id=grader_id, pass_at=pass_at, inner=module.Grader(checked))
