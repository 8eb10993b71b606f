"""Settings of all tests."""

from __future__ import annotations

import os

from hypothesis import settings

# Shared machines are slow at times: a deadline would test them. In CI examples are the same each time, so that a run
# fails for what was changed and not for what was drawn; at home new ones are drawn.
settings.register_profile("home", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "home")
