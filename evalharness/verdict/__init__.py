"""From a run's columns to what is said of it: findings per arm, comparisons with readings, and which arm to use."""
