"""For all tests of transports."""

from __future__ import annotations

import pytest

from tests.support.transports import MEASURED_WAYS, Way


@pytest.fixture(params=MEASURED_WAYS, ids=lambda way: way.name)
def way(request: pytest.FixtureRequest) -> Way:
    """The measuring transport in both kinds of event loop; a file about more ways has a fixture of its own."""
    found: Way = request.param
    return found
