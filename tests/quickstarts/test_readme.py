"""The README's commands with curl, and how its sandbox answers them.

Its quickstarts are run by test_wheels.py and test_npm.py, from packages; the Rust one is a
documentation test of the crate `verigator-tests`.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from blocks import ROOT, quickstart
from stranger import Machine


@pytest.fixture
def sandbox() -> Iterator[str]:
    program = ROOT / "target" / "debug" / "verigator"
    command = [str(program), "sandbox", "--listen", "127.0.0.1:0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            yield server.stdout.readline().rsplit(maxsplit=1)[-1]
        finally:
            server.terminate()


def test_server(sandbox: str, tmp_path: Path) -> None:
    commands = quickstart("The server", "sh", 2).replace("http://127.0.0.1:8080", sandbox)
    answers = Machine(tmp_path).run("sh", "-ec", commands, online=True)
    service, messages = answers.replace("}[", "}\n[").splitlines()
    assert json.loads(service)["name"] == "Example"
    assert json.loads(messages) == []
