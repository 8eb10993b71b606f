"""Use cases: the only place where the rooms are put together."""
