"""Python: many threads share one blocking client."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness import builds
from harness.peer import answering
from harness.report import Report, at_least
from harness.rounds import rate
from sections import tables
from sections.python_clients import BLOCKING, OURS, PYREQWEST, REQUESTS, contenders

if TYPE_CHECKING:
    from harness.bench import Bench

THREADS = 16


def measure(bench: Bench) -> Report:
    """How many calls are made in a second."""
    with answering(builds.rust() / "bench-peer") as peer:
        found = bench.compare(contenders(BLOCKING, peer.http), at_once=THREADS)
    ours = found[OURS]
    return Report(
        tables=(tables.of_rate(found, OURS),),
        goals=(
            at_least(f"calls a second, {REQUESTS} = 1", ours.against(found[REQUESTS], rate), 20),
            at_least(f"calls a second, {PYREQWEST} = 1", ours.against(found[PYREQWEST], rate), 2),
        ),
        rounds=bench.rounds,
    )
