"""Python: one thread makes one call after another over TLS."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness import builds
from harness.peer import answering
from harness.report import Report, at_least, at_most
from harness.rounds import cpu
from sections import tables
from sections.python_clients import BLOCKING, HTTPX, NEW_CONNECTION, OURS, contenders

if TYPE_CHECKING:
    from harness.bench import Bench


def measure(bench: Bench) -> Report:
    """What a call costs."""
    with answering(builds.rust() / "bench-peer") as peer:
        found = bench.compare(contenders(BLOCKING, peer.https, peer.ca))
    ours = found[OURS]
    return Report(
        tables=(tables.of_cost(found, OURS),),
        goals=(
            at_most(f"CPU, {HTTPX} = 1", ours.against(found[HTTPX], cpu), 1 / 8),
            at_least(
                f"times the CPU that {NEW_CONNECTION} takes",
                found[NEW_CONNECTION].against(ours, cpu),
                50,
            ),
        ),
        rounds=bench.rounds,
    )
