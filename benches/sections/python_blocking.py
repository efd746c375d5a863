"""Python: one thread makes one call after another over a kept connection."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness import builds
from harness.peer import answering
from harness.report import Report, at_most
from harness.rounds import cpu
from sections import python_clients, rust_clients, tables
from sections.python_clients import BLOCKING, HTTPX, OURS, PYREQWEST, REQUESTS

if TYPE_CHECKING:
    from harness.bench import Bench

IN_RUST = "verigator in Rust, blocking"


def measure(bench: Bench) -> Report:
    """What a call costs."""
    in_rust = {IN_RUST: rust_clients.BLOCKING[rust_clients.OURS]}
    with answering(builds.rust() / "bench-peer") as peer:
        found = bench.compare(
            [
                *python_clients.contenders(BLOCKING, peer.http),
                *rust_clients.contenders(in_rust, peer.http),
            ]
        )
    ours = found[OURS]
    return Report(
        tables=(tables.of_cost(found, OURS),),
        goals=(
            at_most(f"CPU, {REQUESTS} = 1", ours.against(found[REQUESTS], cpu), 1 / 10),
            at_most(f"CPU, {HTTPX} = 1", ours.against(found[HTTPX], cpu), 1 / 7),
            at_most(f"CPU, {PYREQWEST} = 1", ours.against(found[PYREQWEST], cpu), 0.6),
            at_most("CPU, the same call in Rust = 1", ours.against(found[IN_RUST], cpu), 1.3),
        ),
        rounds=bench.rounds,
    )
