"""Programs in a process of their own, for what cannot be tried in the test's: forks, signals, the
end of the interpreter. Each has its own process group, so that a child that hangs ends with it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager

# Forking while threads run is what some of these are about; newer interpreters warn of it.
COMMAND = (sys.executable, "-W", "ignore::DeprecationWarning", "-c")


@contextmanager
def started(
    source: str, *arguments: str, environment: dict[str, str] | None = None
) -> Iterator[subprocess.Popen[str]]:
    """Starts a program; at the end nothing of it is left."""
    program = subprocess.Popen(
        [*COMMAND, textwrap.dedent(source), *arguments],
        env={**os.environ, **(environment or {})},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        yield program
    finally:
        kill_group(program.pid)
        program.communicate()


def run(source: str, *arguments: str, timeout: float = 60) -> str:
    """Runs a program to its end, which must be a silent success, and returns what it printed."""
    with started(source, *arguments) as program:
        try:
            out, err = program.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            kill_group(program.pid)
            out, err = program.communicate()
            raise AssertionError(f"it hangs after:\n{out}\n{err}") from None
        assert (program.returncode, err) == (0, ""), f"{program.returncode}\n{out}\n{err}"
        return out


def kill_group(pid: int) -> None:
    try:
        os.killpg(pid, signal.SIGKILL)
    except ProcessLookupError:
        return
