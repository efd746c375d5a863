"""The Python packages as a stranger has them: from built wheels alone, in new virtual environments,
with no Rust, no compiler and no network."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tarfile
import zipfile
from email import message_from_string
from email.message import Message
from pathlib import Path

import pytest

import pythons
from blocks import ROOT, quickstart
from stranger import Machine, stop

PYTHONS = pythons.found()

SERVER = ROOT / "server"
PYRIGHT = ROOT / "node_modules" / ".bin" / "pyright"


def maturin(command: str, out: Path, cwd: Path = ROOT) -> None:
    """In the development profile, which the other tests have built already."""
    locked = ["--locked"] if command == "build" else []
    program = Path(sys.executable).with_name("maturin")
    done = subprocess.run(
        [program, command, *locked, "--out", out], cwd=cwd, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="session")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheels of the client and of the server."""
    folder = tmp_path_factory.mktemp("wheels")
    maturin("build", folder)
    maturin("build", folder, SERVER)
    return folder


def wheel(folder: Path, name: str) -> Path:
    (found,) = folder.glob(f"{name}-*.whl")
    return found


def environment(machine: Machine, python: Path, wheels: Path, *wanted: str) -> Path:
    """A new virtual environment with packages; gives the folder of its programs."""
    machine.run(python, "-m", "venv", "venv")
    programs = machine.folder / "venv" / "bin"
    only = ("--no-index", "--only-binary", ":all:", "--find-links", wheels)
    machine.run(programs / "python", "-m", "pip", "install", "--quiet", *only, *wanted)
    return programs


def test_the_python_of_the_tests_is_among_those_found() -> None:
    assert "{}.{}".format(*sys.version_info) in PYTHONS


@pytest.mark.parametrize("version", PYTHONS)
def test_quickstart(version: str, wheels: Path, tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    programs = environment(machine, PYTHONS[version], wheels, "verigator[server]")
    python = programs / "python"
    assert machine.run(python, "--version").startswith(f"Python {version}.")
    (tmp_path / "quickstart.py").write_text(quickstart("Python", "python"), encoding="utf-8")
    said = machine.run(python, "-W", "error", "quickstart.py")
    assert said == "wrong PIN: False\nright PIN: True\n"
    told = machine.run(programs / "verigator", "--version")
    assert re.fullmatch(r"verigator \d+\.\d+\.\d+\n", told)
    assert machine.run(python, "-m", "verigator", "--version") == told


def test_the_program_as_a_module(wheels: Path, tmp_path: Path) -> None:
    """It takes its arguments, its signals and its status from the program."""
    machine = Machine(tmp_path)
    python = environment(machine, Path(sys.executable), wheels, "verigator[server]") / "python"
    command = (python, "-m", "verigator")
    assert machine.end(*command, "serve", "--nonsense")[0] == 2
    with machine.started(*command, "sandbox", "--listen", "127.0.0.1:0") as program:
        assert program.stdout is not None
        assert program.stdout.readline().startswith("Verigator sandbox on http://127.0.0.1:")
        status, _, errors = stop(program, signal.SIGTERM)
    assert (status, errors) == (0, "")


def test_the_program_is_an_extra(wheels: Path, tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    programs = environment(machine, Path(sys.executable), wheels, "verigator")
    assert not (programs / "verigator").exists()
    status, out, errors = machine.end(programs / "python", "-m", "verigator", "serve")
    assert (status, out) == (2, "")
    assert "pip install 'verigator[server]'" in errors


@pytest.mark.parametrize("module", ["verigator", "messente.verigator"])
def test_the_types_of_an_installed_package(module: str, wheels: Path, tmp_path: Path) -> None:
    """pyright knows them all."""
    machine = Machine(tmp_path)
    programs = environment(machine, Path(sys.executable), wheels, "verigator")
    # It asks the `python` on the path.
    machine.environment["PATH"] = f"{programs}:{machine.environment['PATH']}"
    said = machine.run(PYRIGHT, "--verifytypes", module, "--ignoreexternal")
    assert "Type completeness score: 100%" in said


def metadata(path: Path) -> Message:
    with zipfile.ZipFile(path) as archive:
        (name,) = (it for it in archive.namelist() if it.endswith(".dist-info/METADATA"))
        return message_from_string(archive.read(name).decode())


def test_the_clients_wheel(wheels: Path) -> None:
    """One for every CPython, with what is imported, and nothing else."""
    path = wheel(wheels, "verigator")
    assert "-cp310-abi3-" in path.name
    with zipfile.ZipFile(path) as archive:
        names = {it for it in archive.namelist() if ".dist-info/" not in it}
    sources = ROOT / "bindings-python" / "python"
    ours = {
        str(it.relative_to(sources))
        for it in sources.glob("**/*")
        if it.suffix in {".py", ".pyi"} or it.name == "py.typed"
    }
    assert names - ours == {"verigator/_core.abi3.so"}
    assert ours <= names


def test_what_the_wheels_say_of_themselves(wheels: Path) -> None:
    client, server = (metadata(wheel(wheels, it)) for it in ("verigator", "verigator_server"))
    readmes = ((client, ROOT / "README.md"), (server, SERVER / "README.md"))
    for said, readme in readmes:
        assert said["License-Expression"] == "Apache-2.0"
        assert said["License-File"] == "LICENSE"
        assert said["Requires-Python"] == ">=3.10"
        assert said["Description-Content-Type"].startswith("text/markdown")
        payload = said.get_payload()
        assert isinstance(payload, str)
        assert payload.strip() == readme.read_text(encoding="utf-8").strip()
        labels = [it.split(",", 1)[0] for it in said.get_all("Project-URL", [])]
        assert {"Homepage", "Changelog", "Repository", "Issues"} <= set(labels)
    assert "Typing :: Typed" in client.get_all("Classifier", [])
    needed = f"verigator-server=={server['Version']} ; extra == 'server'"
    assert client.get_all("Requires-Dist") == [needed]
    assert client["Version"] == server["Version"]


@pytest.mark.parametrize("folder", [ROOT, SERVER], ids=["client", "server"])
def test_source_distribution(folder: Path, tmp_path: Path) -> None:
    """It holds what is built from, and nothing else."""
    maturin("sdist", tmp_path, folder)
    (path,) = tmp_path.glob("*.tar.gz")
    with tarfile.open(path) as archive:
        names = [it.split("/", 1)[1] for it in archive.getnames()]
    top = {it.split("/", 1)[0] for it in names}
    papers = {"PKG-INFO", "README.md", "LICENSE", "Cargo.toml", "Cargo.lock", "pyproject.toml"}
    crates = {"core", "server"} | ({"bindings-python"} if folder == ROOT else set())
    assert top == papers | crates
    assert [it for it in names if "/tests/" in it or "/fuzz/" in it] == []


def test_the_client_builds_from_its_source_distribution(tmp_path: Path) -> None:
    maturin("sdist", tmp_path)
    (path,) = tmp_path.glob("*.tar.gz")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-index", "--no-deps"]
    done = subprocess.run(
        # With the maturin that is here: where there is an index, pip takes it from there.
        [*command, "--no-build-isolation", "--wheel-dir", tmp_path, path],
        env={
            **os.environ,
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "CARGO_NET_OFFLINE": "true",
            "MATURIN_PEP517_ARGS": "--profile dev",
            "CARGO_TARGET_DIR": str(ROOT / "target"),
        },
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "-cp310-abi3-" in wheel(tmp_path, "verigator").name
