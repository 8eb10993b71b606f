"""nginx in front of a server: a proxy that nobody here wrote, as it comes with Debian."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.command_runs import unused_address

_CONFIG = """
daemon off; master_process off; worker_processes 1;
pid {folder}/nginx.pid; error_log {folder}/error.log info;
events {{ worker_connections 256; }}
http {{
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  log_format seen escape=json '{{"client_request_id": "$http_x_client_request_id", "status": $status, '
    '"connection": $connection, "coding": "$sent_http_content_encoding"}}';
  access_log {folder}/access.jsonl seen;
  server {{
    listen {host};
    proxy_http_version 1.1;
    location /buffering/ {{ proxy_pass {upstream}/; }}
    location /strict/ {{
      proxy_pass {upstream}/; proxy_buffering off; proxy_read_timeout 1s;
      gzip on; gzip_types text/event-stream; gzip_min_length 0;
    }}
    location /small/ {{ proxy_pass {upstream}/; client_max_body_size 64; }}
    location /idle/ {{ proxy_pass {upstream}/; proxy_buffering off; keepalive_timeout 1s; }}
    location /gone/ {{ proxy_pass {nobody}/; }}
  }}
}}
"""


@dataclass(frozen=True)
class Nginx:
    """``url`` has a folder for each way it behaves: ``buffering``, ``strict``, ``small``, ``idle``, ``gone``."""

    url: str
    folder: Path

    def log(self) -> list[dict[str, Any]]:
        """One entry for each request it has ended, in the order of their ends."""
        return [json.loads(line) for line in (self.folder / "access.jsonl").read_text(encoding="utf-8").splitlines()]


@contextmanager
def nginx(upstream: str, folder: Path) -> Iterator[Nginx]:
    """``upstream``: the root URL of what it stands in front of. Without nginx a test fails in CI, and is skipped with
    the reason elsewhere."""
    program = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if program is None:
        assert not os.environ.get("CI"), "nginx is not installed"
        pytest.skip("nginx is not installed")
    url = unused_address().removesuffix("/v1")
    host = url.removeprefix("http://")
    nobody = unused_address().removesuffix("/v1")
    text = _CONFIG.format(folder=folder, host=host, upstream=upstream, nobody=nobody)
    (folder / "nginx.conf").write_text(text, encoding="utf-8")
    running = subprocess.Popen(
        [program, "-p", folder, "-e", folder / "error.log", "-c", folder / "nginx.conf"], stdin=subprocess.DEVNULL
    )
    try:
        _wait_for(host, running)
        yield Nginx(url, folder)
    finally:
        running.terminate()
        running.wait(10)


def _wait_for(host: str, running: subprocess.Popen[bytes]) -> None:
    name, _, port = host.partition(":")
    deadline = time.monotonic() + 10
    while True:
        assert running.poll() is None and time.monotonic() < deadline, "nginx did not start"
        with socket.socket() as probe:
            if probe.connect_ex((name, int(port))) == 0:
                return
        time.sleep(0.01)
