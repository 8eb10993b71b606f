"""Commands that send a call again: run for real, they send what was sent, with the key from its variable."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from evalharness.core.model import Endpoint, EndpointKind
from evalharness.report.curl import body_text, curl, python_around

BODIES = (
    {"model": "m", "input": "it's $HOME `id` \\ \"\"\" ''' \nBODY\nx", "stream": True, "top_p": None, "store": False},
    {"input": "left\u202eright \x7f \x00 \u2028 \ud800 \U0001f600 e\u200d", "tools": [{"deep": [1, 2.5, {}]}]},
    {"messages": [{"role": "user", "content": "true, false, null; {{ 7 * 7 }} </script> BODY_ "}]},
)


@pytest.fixture
def listener():
    """A server that keeps what it is sent: (path, authorization, body)."""
    seen: list[tuple[str, str | None, object]] = []

    class Keeper(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["content-length"]))
            seen.append((self.path, self.headers["authorization"], json.loads(body)))
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"data: said\n")

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Keeper)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", seen
    server.shutdown()
    thread.join()
    server.server_close()


def endpoint(base: str, **changed: object) -> Endpoint:
    fields = {"name": "e", "kind": EndpointKind.HTTP, "target": base + "/v1/", "api_key_env": "SOME_KEY"}
    return Endpoint(**{**fields, **changed})


def ran(command: list[str], script: str, **more: str) -> str:
    env = {"PATH": os.environ["PATH"], "SOME_KEY": "secret-value", "no_proxy": "*", "PYTHONUTF8": "1", **more}
    return subprocess.run(command, input=script, env=env, capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize("body", BODIES)
def test_the_program_sends_what_was_sent(listener, body):
    base, seen = listener
    script = body_text(body).join(python_around(endpoint(base)))
    assert ran([sys.executable, "-"], script) == "data: said\n"
    assert seen == [("/v1/responses", "Bearer secret-value", body)]
    assert "secret-value" not in script


@pytest.mark.skipif(shutil.which("curl") is None and not os.environ.get("CI"), reason="there is no curl here")
@pytest.mark.parametrize("body", BODIES)
def test_the_command_sends_what_was_sent(listener, body):
    base, seen = listener
    script = curl(endpoint(base, protocol="chat"), body)
    assert ran(["bash", "-s"], script) == "data: said\n"
    assert seen == [("/v1/chat/completions", "Bearer secret-value", body)]
    assert "secret-value" not in script


def test_a_server_that_is_gone_after_the_run_is_named_by_a_variable(listener):
    base, seen = listener
    gone = endpoint("default", kind=EndpointKind.SIMULATOR, api_key_env=None)
    ran([sys.executable, "-"], body_text(BODIES[0]).join(python_around(gone)), BASE_URL=base)
    assert seen == [("/responses", None, BODIES[0])]
    assert curl(gone, BODIES[0]).startswith('curl -N "$BASE_URL/responses" -H')


@pytest.mark.parametrize("target", ["http://h/it's", 'http://h/"; import os; os.abort() #', "http://h/$(id)"])
def test_an_address_stays_an_address(target):
    before, after = python_around(endpoint(target))
    compile(before + "{}" + after, "program", "exec")
    assert json.dumps(f"{target}/v1/responses") in after
