"""The CPythons of this machine that the packages are for."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

OLDEST = (3, 10)

_ASK = "import sys; print(*sys.version_info[:2], sys.implementation.name, sys._base_executable)"


def found() -> dict[str, Path]:
    """One of each version, by `3.N`; that of the tests among them."""
    versions: dict[tuple[int, int], Path] = {}
    for program in [Path(sys.executable), *_candidates()]:
        done = subprocess.run([program, "-c", _ASK], capture_output=True, text=True)
        # A shim of a version manager may lead nowhere.
        if done.returncode == 0:
            major, minor, name, base = done.stdout.rstrip("\n").split(" ", 3)
            version = (int(major), int(minor))
            if name == "cpython" and version >= OLDEST:
                versions.setdefault(version, Path(base))
    return {f"{major}.{minor}": versions[major, minor] for major, minor in sorted(versions)}


def _candidates() -> list[Path]:
    """What is on the path, and where version managers keep theirs."""
    names = [f"python3.{minor}" for minor in range(OLDEST[1], 30)]
    on_path = [Path(program) for name in names if (program := shutil.which(name))]
    homes = [
        Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions",
        Path.home() / ".local" / "share" / "uv" / "python",
    ]
    kept = [
        program
        for home in homes
        for program in sorted(home.glob("*/bin/python3.*"))
        if re.fullmatch(r"python3\.\d+", program.name)
    ]
    return [*on_path, *kept]
