"""Static pages with the full text of every trial, for runs whose texts do not fit the report itself."""

from __future__ import annotations

TRIALS_PER_PAGE = 500
