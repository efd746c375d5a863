"""Python: one event loop keeps many calls in flight."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness import builds
from harness.peer import answering
from harness.report import Report, at_least
from harness.rounds import rate
from sections import tables
from sections.python_clients import AIOHTTP, AWAITED, OURS, PYREQWEST, contenders

if TYPE_CHECKING:
    from harness.bench import Bench

IN_FLIGHT = 64


def measure(bench: Bench) -> Report:
    """How many calls are made in a second."""
    with answering(builds.rust() / "bench-peer") as peer:
        found = bench.compare(contenders(AWAITED, peer.http), at_once=IN_FLIGHT)
    ours = found[OURS]
    return Report(
        tables=(tables.of_rate(found, OURS),),
        goals=(
            at_least(f"calls a second, {AIOHTTP} = 1", ours.against(found[AIOHTTP], rate), 4),
            at_least(f"calls a second, {PYREQWEST} = 1", ours.against(found[PYREQWEST], rate), 2.5),
        ),
        rounds=bench.rounds,
    )
