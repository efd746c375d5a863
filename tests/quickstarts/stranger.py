"""Runs programs as on the machine of somebody who has only just heard of this: with no Rust on the
path, nothing of this checkout or of the test's own environment, and no network but a loopback of
their own, unless they are online."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

#: Seconds that anything may take which ends.
PATIENCE = 300

OFFLINE = Path(__file__).with_name("offline.py")

_RUST = {"cargo", "rustc", "rustup"}
_HIDDEN = ("CARGO", "RUST", "VERIGATOR_", "PYTHON", "PIP_", "VIRTUAL_ENV", "NODE_", "npm_", "PNPM_")


def path_without_rust(folder: Path) -> str:
    """The path; a place with Rust in it is replaced by links, in `folder`, to all else it holds."""
    parts = []
    for number, part in enumerate(os.environ["PATH"].split(os.pathsep)):
        here = Path(part)
        if not here.is_dir():
            continue
        if not any((here / name).exists() for name in _RUST):
            parts.append(part)
            continue
        links = folder / f"path-{number}"
        links.mkdir(parents=True, exist_ok=True)
        for program in here.iterdir():
            if program.name not in _RUST and not (links / program.name).is_symlink():
                (links / program.name).symlink_to(program)
        parts.append(str(links))
    return os.pathsep.join(parts)


class Machine:
    """Runs programs in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        kept = {key: it for key, it in os.environ.items() if not key.startswith(_HIDDEN)}
        self.environment = {
            **kept,
            "PATH": path_without_rust(folder.parent / f"{folder.name}-path"),
            # Nobody's settings, and no copies of what others have installed.
            "HOME": str(folder),
        }

    @contextmanager
    def started(
        self, *command: str | Path, online: bool = False
    ) -> Iterator[subprocess.Popen[str]]:
        """A running program, in a session of its own; at the end nothing of it is left. What
        reaches the machine of the tests is only what is `online`."""
        before = [] if online else [sys.executable, str(OFFLINE)]
        program = subprocess.Popen(
            [*before, *map(str, command)],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        try:
            yield program
        finally:
            with suppress(ProcessLookupError):
                os.killpg(program.pid, signal.SIGKILL)
            program.communicate()

    def end(self, *command: str | Path, online: bool = False) -> tuple[int, str, str]:
        """Runs a program; gives its status, its output and its errors."""
        with self.started(*command, online=online) as program:
            out, errors = program.communicate(timeout=PATIENCE)
        return program.returncode, out, errors

    def run(self, *command: str | Path, online: bool = False) -> str:
        """Runs a program, which must succeed; gives its output."""
        status, out, errors = self.end(*command, online=online)
        assert status == 0, out + errors
        return out


def stop(program: subprocess.Popen[str], by: signal.Signals) -> tuple[int, str, str]:
    """Ends a program as a terminal does, which tells all that it has started; gives the same as
    `Machine.end`."""
    os.killpg(program.pid, by)
    out, errors = program.communicate(timeout=PATIENCE)
    return program.returncode, out, errors
