"""What is measured, built as it is released, and what it is measured against, as it is published.
Each thing is made once for a run, when a section first asks for it. Nothing here touches the
development builds in the source tree.
"""

from __future__ import annotations

import functools
import json
import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

from harness.error import BenchError
from harness.paths import BENCHES, ROOT, WORK

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


def run(command: Sequence[object], *, cwd: Path = ROOT) -> None:
    """Runs a command; its output is shown only when it fails.

    Raises:
        BenchError: it failed.
    """
    words = [str(word) for word in command]
    print(f"  $ {' '.join(words)}", file=sys.stderr, flush=True)
    done = subprocess.run(
        words, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    if done.returncode:
        print(done.stdout, file=sys.stderr)
        raise BenchError(f"{words[0]} ended with status {done.returncode}")


@functools.cache
def rust() -> Path:
    """The folder with the programs `bench-…`."""
    run(["cargo", "build", "--release", "--locked", "--package", "verigator-benches"])
    return ROOT / "target" / "release"


@functools.cache
def server() -> Path:
    """The program `verigator`."""
    run(["cargo", "build", "--release", "--locked", "--package", "verigator-server"])
    return ROOT / "target" / "release" / "verigator"


@functools.cache
def wheel() -> Path:
    """The wheel of this tree."""
    dist = WORK / "dist"
    shutil.rmtree(dist, ignore_errors=True)
    maturin = shutil.which(
        "maturin", path=f"{ROOT / '.venv' / 'bin'}{os.pathsep}{os.environ['PATH']}"
    )
    if maturin is None:
        raise BenchError("maturin is missing: `make python` installs it")
    run([maturin, "build", "--profile", "extension", "--locked", "--quiet", "--out", dist])
    (built,) = dist.glob("*.whl")
    return built


@functools.cache
def python() -> Path:
    """An interpreter with this tree's wheel and the alternatives of requirements.txt."""
    venv = WORK / "venv"
    interpreter = venv / "bin" / "python"
    if not interpreter.exists():
        run([sys.executable, "-m", "venv", venv])
    pip = [interpreter, "-m", "pip", "install", "--quiet"]
    run([*pip, "--requirement", BENCHES / "requirements.txt"])
    run([*pip, "--no-deps", "--force-reinstall", wheel()])
    return interpreter


@functools.cache
def tarballs() -> tuple[Path, Path]:
    """The npm package of this tree, and that with the native part for this machine."""
    native, npm = WORK / "node-native", WORK / "node-packages"
    if not (ROOT / "node_modules").exists():
        raise BenchError("@napi-rs/cli is missing: `make node` installs it")
    run(
        [
            *("npx", "--no-install", "napi", "build", "--platform", "--release"),
            *("--manifest-path", "bindings-node/Cargo.toml", "--output-dir", native),
        ]
    )
    run(["node", "bindings-node/packages.mjs", native, "--some", "--into", npm])
    (platform,) = {path.parent for path in npm.glob("*/*.node")}
    return packed(npm / "verigator"), packed(platform)


def packed(package: Path) -> Path:
    """The tarball of an npm package, made beside its files."""
    run(["npm", "pack", "--silent", "--ignore-scripts", "--pack-destination", package], cwd=package)
    (tarball,) = package.glob("*.tgz")
    return tarball


@functools.cache
def node() -> Path:
    """A folder with contenders whose imports find this tree's package and the alternatives of
    node/package-lock.json.
    """
    folder = WORK / "node"
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copy(BENCHES / "node" / name, folder)
    npm = ["npm", "--silent", "--no-audit", "--no-fund"]
    run([*npm, "ci"], cwd=folder)
    run([*npm, "install", "--no-save", "--no-package-lock", *tarballs()], cwd=folder)
    shutil.copytree(BENCHES / "contenders" / "node", folder / "contenders", dirs_exist_ok=True)
    return folder / "contenders"


def pinned(name: str) -> str:
    """The requirement of a Python package, with its version."""
    for line in (BENCHES / "requirements.txt").read_text().splitlines():
        if line.split("==")[0] == name:
            return line
    raise BenchError(f"requirements.txt does not pin {name}")


def pinned_node(name: str) -> str:
    """The requirement of an npm package, with its version."""
    pins = json.loads((BENCHES / "node" / "package.json").read_text())["dependencies"]
    return f"{name}@{pins[name]}"
