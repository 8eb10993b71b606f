"""Statistics: pure functions from arrays to results. The case is the unit; a trial is one measurement of it."""
