"""The README's quickstarts, as a stranger runs them: from a built wheel and a packed tarball, in a
new virtual environment and a new npm project, outside this folder and without a registry.

The Rust one is a documentation test of the crate `verigator-tests`.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from blocks import ROOT, to_run

EXPECTED = "wrong PIN: false\nright PIN: true\n"


def block(heading: str, language: str, number: int = 0) -> str:
    found = [it for it in to_run(ROOT / "README.md", language) if it.heading == heading]
    return found[number].text


def run(*command: str | Path, cwd: Path) -> str:
    # Nothing of this checkout or of the test's own environment leaks in.
    hidden = ("VERIGATOR_", "PYTHON", "VIRTUAL_ENV", "NODE_PATH", "npm_")
    environment = {key: value for key, value in os.environ.items() if not key.startswith(hidden)}
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_python(tmp_path: Path) -> None:
    maturin = Path(sys.executable).with_name("maturin")
    run(maturin, "build", "--quiet", "--locked", "--out", tmp_path, cwd=ROOT)
    (wheel,) = tmp_path.glob("verigator-*.whl")
    run(sys.executable, "-m", "venv", tmp_path / "venv", cwd=tmp_path)
    python = tmp_path / "venv" / "bin" / "python"
    run(python, "-m", "pip", "install", "--quiet", "--no-index", wheel, cwd=tmp_path)

    quickstart = tmp_path / "quickstart.py"
    quickstart.write_text(block("Python", "python"), encoding="utf-8")
    assert run(python, quickstart, cwd=tmp_path).lower() == EXPECTED.lower()


def test_node(tmp_path: Path) -> None:
    packed = json.loads(
        run("npm", "pack", "--ignore-scripts", "--json", "--pack-destination", tmp_path, cwd=ROOT)
    )
    run("npm", "init", "--yes", cwd=tmp_path)
    tarball = tmp_path / packed[0]["filename"]
    run("npm", "install", "--offline", "--no-audit", "--no-fund", tarball, cwd=tmp_path)

    (tmp_path / "quickstart.mjs").write_text(block("Node", "js"), encoding="utf-8")
    assert run("node", "quickstart.mjs", cwd=tmp_path) == EXPECTED


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
    commands = block("The server", "sh", 2).replace("http://127.0.0.1:8080", sandbox)
    answers = run("sh", "-ec", commands, cwd=tmp_path)
    service, messages = answers.replace("}[", "}\n[").splitlines()
    assert json.loads(service)["name"] == "Example"
    assert json.loads(messages) == []
