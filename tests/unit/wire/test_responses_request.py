from __future__ import annotations

import pytest

from evalharness.wire.responses import Codec

REQUEST = {
    "reasoning": {"effort": "xhigh", "summary": "auto"},
    "text": {"verbosity": "low", "format": {"type": "json_schema", "name": "n", "schema": {}}},
    "tools": [{"type": "web_search"}, {"type": "function", "name": "f", "parameters": {}}],
    "max_output_tokens": 16,
    "a_gateway_s_own": {"deep": [1, None]},
    "store": False,
}


def test_everything_passes_through_and_only_stream_is_added():
    items = [{"role": "user", "content": [{"type": "input_image", "image_url": "data:image/png;base64,AA=="}]}]
    wire = Codec().encode(model="m", input=items, request=REQUEST)
    assert wire.body == {"model": "m", "input": items, **REQUEST, "stream": True}
    assert (wire.path, wire.stream) == ("/responses", True)


def test_a_request_not_to_stream_is_honoured_and_said():
    wire = Codec().encode(model="m", input="hi", request={"stream": False})
    assert (wire.stream, wire.body["stream"]) == (False, False)


@pytest.mark.parametrize("request_", [{"model": "x"}, {"input": "x"}, {"stream": "yes"}, {"background": True}])
def test_what_cannot_be_sent_is_named(request_: dict[str, object]):
    (name,) = request_
    assert [problem.split(":")[0] for problem in Codec().problems(request_)] == [name]
    with pytest.raises(ValueError, match=name):
        Codec().encode(model="m", input="hi", request=request_)


def test_an_effort_nobody_knows_is_the_service_s_to_refuse():
    assert Codec().problems({"reasoning": {"effort": "minimal"}, "background": False}) == []
