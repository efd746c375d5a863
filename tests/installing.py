"""Programs that tests need beside what they are written in: installed by the system's package
manager when they are missing, as root or by a sudo that never asks.

`python tests/installing.py` installs those that the pages of docs/ name, and a browser.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping

MANAGERS = {
    "apt-get": ["apt-get", "install", "--yes", "--no-install-recommends"],
    "dnf": ["dnf", "install", "--assumeyes"],
    "apk": ["apk", "add"],
    "brew": ["brew", "install"],
}

#: What runs or checks the blocks of docs/ and shows the sandbox's page, and the package it is in
#: where that has another name.
PROGRAMS: Mapping[str, Mapping[str, str]] = {
    "caddy": {},
    "chromium": {},
    "curl": {},
    "jq": {},
    "nginx": {},
    "openssl": {},
    "sqlite3": {"dnf": "sqlite", "apk": "sqlite", "brew": "sqlite"},
}


def find(program: str) -> str | None:
    """Where a program is, also where only root looks by default."""
    return shutil.which(program, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")


def install(packages: Mapping[str, str]) -> None:
    """Installs one package, by its name at each manager.

    Raises SystemExit when there is no manager that knows it."""
    for program, command in MANAGERS.items():
        if program not in packages or not shutil.which(program):
            continue
        sudo = [] if os.geteuid() == 0 or program == "brew" else ["sudo", "--non-interactive"]
        if program == "apt-get":
            subprocess.run([*sudo, "apt-get", "update", "--quiet"], stdout=sys.stderr, check=True)
        subprocess.run([*sudo, *command, packages[program]], stdout=sys.stderr, check=True)
        return
    raise SystemExit(f"no known package manager has {' or '.join(set(packages.values()))}")


def main() -> None:
    for program, names in PROGRAMS.items():
        if not find(program):
            install({manager: names.get(manager, program) for manager in MANAGERS})


if __name__ == "__main__":
    main()
