"""The types that a checker sees are those that are there."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from peer import ROOT

PROGRAM = Path(__file__).with_name("typed_program.py")


def check(*command: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", *command], cwd=ROOT, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_a_program_that_uses_the_whole_interface() -> None:
    assert "no issues found in 1 source file" in check("mypy", "--strict", str(PROGRAM))
    done = subprocess.run([sys.executable, str(PROGRAM)], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("verigator ")


def test_wrong_uses_are_found(tmp_path: Path) -> None:
    wrong = {
        'Api("u", "p").services.get(1)': "arg-type",
        'Api("u", "p", timeout="1")': "arg-type",
        'Api("u", "p", idempotency="maybe")': "arg-type",
        'Api("u", "p", retries=1)': "call-arg",
        'Api("u", "p").auth.verify("s", "u", "t", "sms")': "misc",
        'Api("u", "p").services.get("s").id = "x"': "misc",
        'AsyncApi("u", "p").services.get("s").id': "attr-defined",
    }
    program = tmp_path / "wrong.py"
    program.write_text("from verigator import Api, AsyncApi\n" + "\n".join(wrong) + "\n")
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--no-error-summary", str(program)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
    )
    for line, code in enumerate(wrong.values(), start=2):
        assert f"wrong.py:{line}: error:" in done.stdout, done.stdout
        assert f"[{code}]" in done.stdout


def test_the_stub_of_the_native_part_is_true() -> None:
    assert "no issues found" in check("mypy.stubtest", "verigator._core")


def test_the_marks_of_typed_packages_are_there() -> None:
    for package in ("verigator", "messente/verigator"):
        assert (ROOT / "bindings-python" / "python" / package / "py.typed").exists()
    assert not (ROOT / "bindings-python" / "python" / "messente" / "__init__.py").exists()
