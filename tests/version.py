"""Holds all places that name the version to that of the workspace in Cargo.toml, which Rust and the
wheels take theirs from.

`python tests/version.py` checks them; `python tests/version.py v1.2.3` also that this is the tag of
a release that CHANGELOG.md has.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def named(root: Path = ROOT) -> dict[str, list[str]]:
    """The versions by place, that of the workspace first."""
    cargo = (root / "Cargo.toml").read_text(encoding="utf-8")
    python = (root / "pyproject.toml").read_text(encoding="utf-8")
    lock = (root / "Cargo.lock").read_text(encoding="utf-8")
    node = json.loads((root / "package.json").read_text(encoding="utf-8"))
    node_lock = json.loads((root / "package-lock.json").read_text(encoding="utf-8"))
    return {
        "the workspace": re.findall(r'^version = "(.+)"$', cargo, re.MULTILINE),
        "Cargo.toml's dependencies": re.findall(
            r'^verigator(?:-server)? = .*\bversion = "(.+?)"', cargo, re.MULTILINE
        ),
        "Cargo.lock": re.findall(
            r'^name = "verigator(?:-server)?"\nversion = "(.+)"$', lock, re.MULTILINE
        ),
        "pyproject.toml": re.findall(r'"verigator-server==(.+)"', python),
        "package.json": [node["version"]],
        "package-lock.json": [node_lock["version"], node_lock["packages"][""]["version"]],
    }


def faults(tag: str | None = None, root: Path = ROOT) -> list[str]:
    """What does not fit, in words."""
    places = named(root)
    (version,) = places["the workspace"]
    found = [
        f"{place} says {' and '.join(it) or 'nothing'}, and the workspace {version}"
        for place, it in places.items()
        if set(it) != {version}
    ]
    if tag is not None:
        if tag != f"v{version}":
            found.append(f"the tag is {tag}, and the workspace's version {version}")
        changes = (root / "CHANGELOG.md").read_text(encoding="utf-8")
        headings = re.findall(r"^## \[(.+)\] - \d{4}-\d\d-\d\d$", changes, re.MULTILINE)
        if version not in headings:
            found.append(f"CHANGELOG.md has no release {version} with its day")
    return found


def main() -> int:
    tag = sys.argv[1] if sys.argv[1:] else None
    found = faults(tag)
    for fault in found:
        sys.stderr.write(f"{fault}\n")
    return 1 if found else 0


if __name__ == "__main__":
    raise SystemExit(main())
