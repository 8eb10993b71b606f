"""A service that puts the key it was sent into everything it says: no byte that is written may have it."""

from __future__ import annotations

import base64
import http.server
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from tests.support.command import evalharness, exported
from tests.support.wire_bytes import answer_stream, sse

KEY = "sk-canary+/0123456789=abcdef"
FORMS = {
    "raw": KEY,
    "url": quote(KEY, safe=""),
    "hex": KEY.encode().hex(),
    "base64": base64.b64encode(b"user:" + KEY.encode()).decode(),
}
TOOL = {"type": "function_call", "id": "fc_1", "name": "look", "arguments": "", "call_id": "c1", "status": "completed"}


def thought(text: str) -> dict[str, Any]:
    return {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": text}]}


#: What the service sends by the name that stands in the question: (status, content type, body) of the text to leak.
ANSWERS: dict[str, Any] = {
    "text": lambda leak: (200, "text/event-stream", answer_stream(f"The key is {leak}.")),
    "summary": lambda leak: (200, "text/event-stream", answer_stream("7", output=[thought(leak)])),
    "tool": lambda leak: (
        200,
        "text/event-stream",
        answer_stream("7", output=[TOOL | {"arguments": json.dumps({leak: leak})}]),
    ),
    "names": lambda leak: (
        200,
        "text/event-stream",
        sse(f"response.{leak}", value=1) + answer_stream("7", id=leak, model=leak, service_tier=leak),
    ),
    "cut": lambda leak: (200, "text/event-stream", answer_stream(f"The key is {leak}.", pieces=1)[:-900]),
    "failed": lambda leak: (
        200,
        "text/event-stream",
        sse("response.failed", response={"status": "failed", "error": {"code": leak, "message": leak}}),
    ),
    "error": lambda leak: (500, "application/json", json.dumps({"error": {"message": leak, "code": leak}}).encode()),
    "request": lambda leak: (400, "application/json", json.dumps({"error": {"message": leak, "param": leak}}).encode()),
    "page": lambda leak: (200, "text/html", f"<!doctype html><title>{leak}</title>".encode()),
    "garbage": lambda leak: (200, "application/json", b'{"key": ' + leak.encode()),
}


class Echo(http.server.BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        assert self.headers["authorization"] == f"Bearer {KEY}"
        found = re.search(r"Leak (\w+) as (\w+)", json.dumps(body))
        assert found is not None
        status, kind, answer = ANSWERS[found[1]](FORMS[found[2]])
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(answer)))
        self.send_header("x-request-id", FORMS[found[2]])
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def echo() -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Echo)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


SUITE = """
suite: canary
endpoints:
  e: {{base_url: "{base_url}", model: m, api_key_env: CANARY_KEY, retry: {{max_attempts: 1}}}}
prompts: {{plain: "{{{{ question }}}}"}}
cases:
{cases}
graders: [{{id: answer, type: contains, expected: "key"}}]
tolerate: {{error_share: 1}}
"""
CASES = [(name, form) for name in ANSWERS for form in FORMS]


def traces(data: bytes) -> list[str]:
    """Which forms of the key stand in ``data``, also as JSON or HTML would escape them. Of base64 only the part that
    is the key's whatever stands around it."""
    wanted = {
        "raw": KEY,
        "escaped slash": KEY.replace("/", "\\/"),
        "html": KEY.replace("+", "&#43;"),
        "url": FORMS["url"],
        "hex": FORMS["hex"],
        "base64": FORMS["base64"][8:-4],
    }
    text = data.decode("latin-1")
    return [name for name, form in wanted.items() if form in text]


def test_a_key_that_a_service_echoes_is_in_no_byte_that_is_written(tmp_path: Path) -> None:
    cases = "\n".join(f'  - {{id: {name}-{form}, vars: {{question: "Leak {name} as {form}"}}}}' for name, form in CASES)
    env = {"CANARY_KEY": KEY}
    with echo() as base_url:
        (tmp_path / "suite.yaml").write_text(SUITE.format(base_url=base_url, cases=cases), encoding="utf-8")
        said = [evalharness("run", "suite.yaml", "--json", cwd=tmp_path, env=env)]
        assert said[0].stdout, said
        earlier = str(tmp_path / said[0].json["folder"])
        said.append(evalharness("run", "suite.yaml", "--fresh", "--baseline", earlier, cwd=tmp_path, env=env))
    rows = exported("latest", cwd=tmp_path)
    assert len(rows) == len(CASES)
    leaked = [row for row in rows if row["case_id"].startswith("text-")]
    for row in leaked:
        assert "[redacted]" in row["output_text"] and "key_echoed" in row["anomalies"], row
    said += [
        evalharness(*command, cwd=tmp_path, env=env)
        for command in (
            *(("export", "latest", "--format", kind, "-o", f"out.{kind}") for kind in ("jsonl", "csv", "junit")),
            ("report", "latest"),
            ("list",),
            ("verify", "latest"),
            *(("show", "latest", f"{name}-raw") for name in ANSWERS),
        )
    ]
    for done in said:
        assert not traces(done.stdout.encode() + done.stderr.encode()), done
    written = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert len(written) > 8
    assert {path.name: found for path, data in written.items() if (found := traces(data))} == {}
