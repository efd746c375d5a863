"""One thread, one call after another, over a kept connection."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness import builds
from harness.contender import Contender
from harness.paths import BENCHES
from harness.peer import answering
from harness.report import Report, Table, at_most
from harness.rounds import cpu, wall

if TYPE_CHECKING:
    from harness.bench import Bench

CONTENDERS = BENCHES / "contenders" / "python"


def measure(bench: Bench) -> Report:
    """CPU and time for one call."""
    programs, python = builds.rust(), builds.python()
    with answering(programs / "bench-peer") as peer:
        found = bench.compare(
            [
                Contender(name, [python, CONTENDERS / f"{file}.py", peer.http])
                for name, file in (
                    ("verigator", "verigator_blocking"),
                    ("requests.Session", "requests_session"),
                )
            ]
        )
    ours = found["verigator"]
    rows = tuple(
        (it.name, it.median(cpu), it.median(wall), it.against(ours, cpu)) for it in found.values()
    )
    return Report(
        tables=(Table(("client", "CPU µs", "time µs", "CPU against ours"), rows),),
        goals=(
            at_most(
                "CPU as a share of requests.Session's",
                ours.against(found["requests.Session"], cpu),
                0.1,
            ),
        ),
        rounds=bench.rounds,
    )
