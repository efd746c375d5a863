"""The other side of the tests: the program `verigator-peer`, and what it wrote down."""

from __future__ import annotations

import json
import subprocess
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
CASES = ROOT / "tests" / "contract"
PROGRAM = ROOT / "target" / "debug" / "verigator-peer"


@dataclass(frozen=True)
class Server:
    """A real server in memory, in the peer's process."""

    url: str
    username: str
    password: str

    def pin(self, to: str) -> str:
        """The PIN in the latest message to a number."""
        messages = get_json(f"{self.url}/sandbox/messages?to={urllib.parse.quote(to)}")
        return str(messages[-1]["pin"])


@dataclass(frozen=True)
class Peer:
    """A running peer."""

    url: str
    closed_url: str
    documents: Server
    old_clients: Server
    #: Where cutting proxies are asked for, and the server behind them.
    faults_url: str
    behind_faults: Server

    def verdict(self, run: str) -> dict[str, Any]:
        """What the peer says of the requests of one run of a case."""
        verdict = get_json(f"{self.url}/-/verdict/{run}")
        assert isinstance(verdict, dict)
        return verdict


@contextmanager
def running_peer() -> Iterator[Peer]:
    assert PROGRAM.exists(), f"{PROGRAM} is missing: cargo build -p verigator-tests"
    with subprocess.Popen(
        [PROGRAM, CASES], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as program:
        assert program.stdin is not None
        assert program.stdout is not None
        places = json.loads(program.stdout.readline())
        yield Peer(
            places["url"],
            places["closed_url"],
            Server(**places["documents"]),
            Server(**places["old_clients"]),
            places["faults"]["url"],
            Server(**places["faults"]["sandbox"]),
        )
        # Its end.
        program.stdin.close()


def get_json(url: str) -> Any:
    # No proxy: everything is on this machine.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(url, timeout=10) as answer:
        return json.load(answer)


def cases() -> list[dict[str, Any]]:
    """All cases of the contract."""
    found: list[dict[str, Any]] = []
    for file in sorted(CASES.glob("*.json")):
        found += json.loads(file.read_text(encoding="utf-8"))
    return found
