"""The Node packages as a stranger has them: installed from a registry by npm and by pnpm into a new
project, with no Rust; then the registry is gone, and there is no network."""

from __future__ import annotations

import json
import re
import shutil
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

import registry
from blocks import ROOT, quickstart
from stranger import Machine, stop

#: `make node` has laid them out.
PACKAGES = ROOT / "bindings-node" / "npm"

EXPECTED = "wrong PIN: false\nright PIN: true\n"


@dataclass(frozen=True)
class Manager:
    """A package manager, by its command lines."""

    #: With the registry's URL.
    install: Callable[[str], tuple[str | Path, ...]]
    #: Once more, from what it has kept.
    again: tuple[str | Path, ...]
    #: Before a command that a package brings.
    execute: tuple[str | Path, ...]


def npm() -> Manager:
    quiet = ("--no-audit", "--no-fund")
    return Manager(
        lambda url: ("npm", "install", *quiet, f"--registry={url}", "verigator"),
        ("npm", "ci", *quiet, "--offline"),
        ("npx", "--offline"),
    )


def pnpm() -> Manager:
    program = ROOT / "node_modules" / ".bin" / "pnpm"
    return Manager(
        lambda url: (program, "add", f"--registry={url}", "--store-dir=store", "verigator"),
        (program, "install", "--frozen-lockfile", "--offline", "--store-dir=store"),
        (program, "exec"),
    )


@pytest.fixture(scope="session")
def tarballs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tarballs")
    packages = sorted(PACKAGES.iterdir())
    Machine(tmp_path_factory.mktemp("packing")).run(
        "npm", "pack", "--silent", "--pack-destination", folder, *packages, online=True
    )
    assert len(list(folder.glob("*.tgz"))) == len(packages)
    return folder


@contextmanager
def project(manager: Manager, tarballs: Path, folder: Path) -> Iterator[Machine]:
    """A new project with the package, and no registry any more."""
    machine = Machine(folder)
    (folder / "package.json").write_text('{"name": "shop", "private": true}', encoding="utf-8")
    with registry.serving(tarballs) as url:
        machine.run(*manager.install(url), online=True)
    yield machine


@pytest.mark.parametrize("manager", [npm(), pnpm()], ids=["npm", "pnpm"])
def test_quickstart(manager: Manager, tarballs: Path, tmp_path: Path) -> None:
    with project(manager, tarballs, tmp_path) as machine:
        (tmp_path / "quickstart.mjs").write_text(quickstart("Node", "js"), encoding="utf-8")
        assert machine.run("node", "quickstart.mjs") == EXPECTED
        assert re.fullmatch(
            r"verigator \d+\.\d+\.\d+\n", machine.run(*manager.execute, "verigator", "--version")
        )
        shutil.rmtree(tmp_path / "node_modules")
        machine.run(*manager.again)
        assert machine.run("node", "quickstart.mjs") == EXPECTED


@pytest.mark.parametrize("manager", [npm(), pnpm()], ids=["npm", "pnpm"])
def test_the_sandbox_of_the_command(manager: Manager, tarballs: Path, tmp_path: Path) -> None:
    with (
        project(manager, tarballs, tmp_path) as machine,
        machine.started(*manager.execute, "verigator", "sandbox", "--port", "0") as program,
    ):
        assert program.stdout is not None
        assert program.stdout.readline().startswith("Verigator sandbox on http://127.0.0.1:")
        # What a package manager makes of Ctrl-C is its own affair; what it ran says nothing.
        _, _, errors = stop(program, signal.SIGINT)
        assert "verigator:" not in errors


def test_only_the_part_of_this_platform_is_installed(tarballs: Path, tmp_path: Path) -> None:
    with project(npm(), tarballs, tmp_path):
        installed = {it.name for it in (tmp_path / "node_modules").iterdir() if it.name[0] != "."}
        built = {path.parent.name for path in PACKAGES.glob("*/*.node")}
        assert installed == {"verigator"} | {f"verigator-{it}" for it in built}
        kept = json.loads((tmp_path / "package-lock.json").read_text(encoding="utf-8"))
        assert len(kept["packages"]) == 2 + len(list(PACKAGES.iterdir())) - 1


def test_a_project_without_optional_dependencies_is_told(tarballs: Path, tmp_path: Path) -> None:
    manager = npm()
    careless = Manager(
        lambda url: (*manager.install(url), "--omit=optional"), manager.again, manager.execute
    )
    with project(careless, tarballs, tmp_path) as machine:
        status, _, errors = machine.end("node", "--eval", "require('verigator')")
        assert status == 1
        assert "NativeMissingError: verigator has no native part for " in errors
        assert "install again on this machine, with optional dependencies" in errors
