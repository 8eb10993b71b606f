from __future__ import annotations

import pytest

from evalharness.core.errors import SuiteError
from evalharness.core.model import Route
from evalharness.plan.expand import differences, make_plan
from evalharness.suite.ports import ReadSettings
from tests.support.suites import HEAD, ONE_CASE, parsed

FAR = HEAD.replace("{simulator: default, model: sim-mini}", '{base_url: "https://example.com/v1", model: m, MORE}')


@pytest.mark.parametrize(
    ("written", "route"),
    [
        ("http2: true", Route(http2=True)),
        ('proxy: "http://proxy.example.com:3128"', Route(proxy="http://proxy.example.com:3128")),
        ("proxy: environment", Route(proxy="environment")),
        ("unix_socket: run/server.sock", Route(unix_socket="run/server.sock")),
        ('unix_socket: "/run/server.sock", http2: true', Route(unix_socket="/run/server.sock", http2=True)),
    ],
)
def test_the_way_to_an_endpoint_is_read_and_is_part_of_the_plan(written, route):
    suite = parsed(FAR.replace("MORE", written) + ONE_CASE)
    assert suite.endpoints[0].route == route
    straight, other = make_plan(parsed(FAR.replace(", MORE", "") + ONE_CASE)), make_plan(suite)
    assert straight.plan_hash != other.plan_hash and straight.arms == other.arms
    keys = [key.split(":")[0] for key in written.split(", ")]
    assert differences(straight.hashed, other.hashed) == [f"endpoints.sim.{key}: new" for key in keys]


def test_a_proxy_on_this_machine_may_see_what_goes_to_this_machine():
    text = FAR.replace("https://example.com", "http://localhost").replace("MORE", 'proxy: "http://127.0.0.1:3128"')
    assert parsed(text + ONE_CASE).endpoints[0].route.proxy == "http://127.0.0.1:3128"


def test_a_proxy_elsewhere_sees_what_goes_in_clear_only_where_that_is_allowed():
    text = FAR.replace("https://example.com", "http://localhost").replace("MORE", 'proxy: "http://10.0.0.1:3128"')
    with pytest.raises(SuiteError, match="in clear"):
        parsed(text + ONE_CASE)
    allowed = parsed(text + ONE_CASE, settings=ReadSettings(allow_http=True))
    assert allowed.endpoints[0].route.proxy == "http://10.0.0.1:3128"


def test_a_variable_of_an_endpoint_that_is_not_used_is_no_wrong_proxy():
    spare = 'sim: {simulator: default, model: m}\n  far: {base_url: "https://example.com/v1", model: m, proxy: "${P}"}'
    text = HEAD.replace("sim: {simulator: default, model: sim-mini}", spare)
    assert parsed(text + ONE_CASE).endpoints[1].route.proxy == "${P}"
