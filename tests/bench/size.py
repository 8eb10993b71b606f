"""How much is measured: a minute for a first look, some minutes by default, as long as it takes for a record."""

from __future__ import annotations

from enum import StrEnum
from typing import TypeVar

T = TypeVar("T")


class Size(StrEnum):
    QUICK = "quick"
    DEFAULT = "default"
    FULL = "full"

    def pick(self, quick: T, default: T, full: T) -> T:
        return {Size.QUICK: quick, Size.DEFAULT: default, Size.FULL: full}[self]
