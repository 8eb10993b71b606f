"""What asking several times buys: how many cases are right at least once, and every time."""

from __future__ import annotations

import numpy as np

from evalharness.core.findings import Tries
from evalharness.metrics.table import Floats
from evalharness.stats.passes import estimate_passes, pass_at, pass_every
from evalharness.verdict.view import RunView


def tries(view: RunView, arm: int, right: Floats) -> Tries | None:
    """Of as many tries as every case of the arm was planned to have; ``right``: ``service.right_column``.

    None below two, where time ended the run (how often it came to a case says nothing of it), where no case has all
    its scores, and with ``scope`` suite.
    """
    graded = view.places_graded(view.grader_ids[0], arm)
    planned = np.bincount(view.table.case_index[graded])
    k = int(planned[planned > 0].min(initial=view.table.n_repeats))
    if k < 2 or not len(graded) or view.suite.load.is_timed:
        return None
    sample = view.sample_at(right, graded)
    any_right, all_right = pass_at(sample, k), pass_every(sample, k)
    shares = [estimate_passes(per_case, sample, view.settings) for per_case in (any_right, all_right)]
    if shares[0] is None or shares[1] is None:
        return None
    n_left_out = int((planned > 0).sum() - any_right.scored.sum())
    return Tries(k=k, any_right=shares[0], all_right=shares[1], n_left_out=n_left_out)
