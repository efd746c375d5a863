"""``python -m verigator``: the program ``verigator`` of this environment, which the extra
``server`` brings. Knows where that is, and nothing of what it does."""

from __future__ import annotations

import os
import sys
from importlib.metadata import PackageNotFoundError, distribution

_MISSING = """\
python -m verigator: the program is not installed for this Python. It comes with
  pip install 'verigator[server]'
"""


def _program() -> str | None:
    """Where it is, as the distribution with it says, whichever way that was installed."""
    try:
        files = distribution("verigator-server").files
    except PackageNotFoundError:
        return None
    for file in files or ():
        if file.name in {"verigator", "verigator.exe"}:
            return os.fspath(file.locate())
    return None


def main() -> int:
    """Becomes the program, or says how to get it."""
    program = _program()
    if program is None:
        sys.stderr.write(_MISSING)
        return 2
    command = [program, *sys.argv[1:]]
    if sys.platform != "win32":
        os.execv(program, command)  # noqa: S606, for its signals and its status
    return _beside(command)


def _beside(command: list[str]) -> int:
    """Runs the program where a process can't become another."""
    import signal
    import subprocess

    # Ctrl-C reaches both, and it is the program that decides.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    return subprocess.run(command, check=False).returncode  # noqa: S603, what was typed


if __name__ == "__main__":
    sys.exit(main())
