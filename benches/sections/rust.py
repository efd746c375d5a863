"""Rust: beside the library that does the HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness import builds
from harness.peer import answering
from harness.report import Report, at_most
from harness.rounds import cpu
from sections import tables
from sections.rust_clients import AWAITED, BLOCKING, HYPER, OURS, contenders

if TYPE_CHECKING:
    from harness.bench import Bench
    from harness.rounds import Measured

IN_FLIGHT = 64
REACH = 1.15


def measure(bench: Bench) -> Report:
    """What a call costs."""
    with answering(builds.rust() / "bench-peer") as peer:
        found: dict[str, dict[str, Measured]] = {
            "awaited, one after another": bench.compare(contenders(AWAITED, peer.http)),
            f"awaited, {IN_FLIGHT} in flight": bench.compare(
                contenders(AWAITED, peer.http), at_once=IN_FLIGHT
            ),
            "blocking": bench.compare(contenders(BLOCKING, peer.http)),
        }
    return Report(
        tables=tuple(tables.of_cost(its, OURS, how.capitalize()) for how, its in found.items()),
        goals=tuple(
            at_most(f"{how}: CPU, {HYPER} = 1", its[OURS].against(its[HYPER], cpu), REACH)
            for how, its in found.items()
        ),
        rounds=bench.rounds,
    )
