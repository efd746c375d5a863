"""The Python clients that are compared, each in a process of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness import builds
from harness.contender import Contender
from harness.paths import BENCHES

if TYPE_CHECKING:
    from pathlib import Path

FOLDER = BENCHES / "contenders" / "python"

OURS = "verigator"
REQUESTS = "requests.Session"
HTTPX = "httpx"
URLLIB3 = "urllib3"
PYREQWEST = "pyreqwest"
NEW_CONNECTION = "a new connection per call (requests)"
AIOHTTP = "aiohttp"
UVLOOP = "aiohttp with uvloop"

BLOCKING = {
    OURS: "verigator_blocking.py",
    PYREQWEST: "pyreqwest_blocking.py",
    URLLIB3: "urllib3_pool.py",
    REQUESTS: "requests_session.py",
    HTTPX: "httpx_client.py",
    NEW_CONNECTION: "requests_per_call.py",
}

AWAITED = {
    OURS: "verigator_async.py",
    PYREQWEST: "pyreqwest_async.py",
    UVLOOP: "aiohttp_uvloop.py",
    AIOHTTP: "aiohttp_session.py",
    HTTPX: "httpx_async.py",
}


def contenders(files: dict[str, str], endpoint: str, ca: Path | None = None) -> list[Contender]:
    """Clients of an endpoint, which over TLS trust its authority."""
    python = builds.python()
    return [
        Contender(name, [python, FOLDER / file, endpoint, *([ca] if ca else [])])
        for name, file in files.items()
    ]
