"""What having the client costs: its import, its first call, its files and its memory. The first
call goes over TLS, as all real ones do, and each is made by a fresh process.
"""

from __future__ import annotations

import shutil
import sys
from typing import TYPE_CHECKING

from harness import builds, rounds
from harness.contender import Contender
from harness.paths import BENCHES, WORK
from harness.peer import answering
from harness.report import Report, Table, at_most

if TYPE_CHECKING:
    from pathlib import Path

    from harness.bench import Bench
    from harness.contender import Answer
    from harness.peer import Peer
    from harness.report import Goal
    from harness.rounds import Measured

FOLDER = WORK / "footprint"
OURS = "verigator"
PYTHON = (OURS, "requests", "httpx", "vonage", "twilio")
NODE = (OURS, "axios", "twilio")


def measure(bench: Bench) -> Report:
    """Python's clients, then Node's."""
    python = {name: installed_for_python(name) for name in PYTHON}
    node = {name: installed_for_node(name) for name in NODE}
    with answering(builds.rust() / "bench-peer") as peer:
        in_python = first_calls(
            [python_process(name, folder, peer) for name, folder in python.items()], bench.rounds
        )
        in_node = first_calls(
            [node_process(name, folder, peer) for name, folder in node.items()], bench.rounds
        )
    python_sizes = {name: megabytes(folder / "lib") for name, folder in python.items()}
    node_sizes = {name: megabytes(folder / "node_modules") for name, folder in node.items()}
    ours = in_python[OURS]
    return Report(
        tables=(
            table("Python", in_python, python_sizes),
            table("Node", in_node, node_sizes),
        ),
        goals=(
            at_most("Python: import, ms", ours.median(import_ms), 15),
            at_most(
                "Python: import, twilio = 1", ours.against(in_python["twilio"], import_ms), 0.1
            ),
            *smaller("Python", python_sizes),
            *smaller("Node", node_sizes),
        ),
        rounds=bench.rounds,
    )


def smaller(language: str, sizes: dict[str, float]) -> list[Goal]:
    """Goals: installed, ours is smaller than each."""
    return [
        at_most(f"{language}: installed size, {name} = 1", sizes[OURS] / size, 1)
        for name, size in sizes.items()
        if name != OURS
    ]


def table(language: str, found: dict[str, Measured], sizes: dict[str, float]) -> Table:
    """All figures of one language's clients."""
    return Table(
        columns=(
            "client",
            "import, ms",
            "import and first call, ms",
            "memory after it, MB",
            "installed with dependencies, MB",
        ),
        rows=tuple(
            (
                it.name,
                it.median(import_ms),
                it.median(lambda answer: answer["first_call"] * 1e3),
                it.median(lambda answer: answer["memory"] / 1e6),
                sizes[it.name],
            )
            for it in found.values()
        ),
        title=language,
    )


def import_ms(answer: Answer) -> float:
    """Milliseconds that the import took."""
    return answer["import"] * 1e3


def first_calls(processes: list[Contender], times: int) -> dict[str, Measured]:
    """Starts each process so many times."""

    def once(process: Contender) -> Answer:
        with process:
            return {name: float(value) for name, value in process.said().items()}

    for process in processes:
        once(process)  # its files are read from the disk, and Python's compiled
    return rounds.interleaved(processes, times, once)


def python_process(name: str, folder: Path, peer: Peer) -> Contender:
    """A first call in Python, with nothing but this client installed."""
    script = BENCHES / "contenders" / "python" / f"first_call_{name}.py"
    return Contender(
        name,
        [folder / "bin" / "python", script, peer.https, peer.ca],
        {"REQUESTS_CA_BUNDLE": str(peer.ca)},
    )


def node_process(name: str, folder: Path, peer: Peer) -> Contender:
    """A first call in Node, with nothing but this client installed."""
    return Contender(
        name,
        ["node", folder / "contenders" / f"first-call-{name}.mjs", peer.https],
        {"NODE_EXTRA_CA_CERTS": str(peer.ca), "VERIGATOR_CA_BUNDLE": str(peer.ca)},
    )


def installed_for_python(name: str) -> Path:
    """An environment with this client, as its users install it."""
    venv = FOLDER / "python" / name
    shutil.rmtree(venv, ignore_errors=True)
    builds.run([sys.executable, "-m", "venv", "--without-pip", venv])
    pip = [builds.python(), "-m", "pip", "--python", venv / "bin" / "python", "install", "--quiet"]
    builds.run([*pip, builds.wheel() if name == OURS else builds.pinned(name)])
    return venv


def installed_for_node(name: str) -> Path:
    """A folder with this client, as its users install it."""
    folder = FOLDER / "node" / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    # Without one, npm would install into the next folder above that has one.
    (folder / "package.json").write_text('{"private": true}\n')
    packages = builds.tarballs() if name == OURS else (builds.pinned_node(name),)
    builds.run(["npm", "install", "--silent", "--no-audit", "--no-fund", *packages], cwd=folder)
    shutil.copytree(BENCHES / "contenders" / "node", folder / "contenders")
    return folder


def megabytes(folder: Path) -> float:
    """The size of the files in a folder."""
    files = (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    return sum(path.stat().st_size for path in files) / 1e6
