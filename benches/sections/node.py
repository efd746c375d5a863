"""Node: many calls in flight, and one after another."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness import builds
from harness.contender import Contender
from harness.peer import answering
from harness.report import Report, at_least, at_most
from harness.rounds import cpu, rate
from sections import tables

if TYPE_CHECKING:
    from harness.bench import Bench

IN_FLIGHT = 64

OURS = "verigator"
UNDICI = "undici request"
FETCH = "fetch"
AXIOS = "axios"
FILES = {OURS: "verigator.mjs", UNDICI: "undici.mjs", FETCH: "fetch.mjs", AXIOS: "axios.mjs"}


def measure(bench: Bench) -> Report:
    """How many calls are made in a second, and what a call costs."""
    folder = builds.node()
    with answering(builds.rust() / "bench-peer") as peer:
        contenders = [
            Contender(name, ["node", folder / file, peer.http]) for name, file in FILES.items()
        ]
        many = bench.compare(contenders, at_once=IN_FLIGHT)
        one = bench.compare(contenders)
    ours, alone = many[OURS], one[OURS]
    return Report(
        tables=(
            tables.of_rate(many, OURS, f"{IN_FLIGHT} calls in flight"),
            tables.of_cost(one, OURS, "One call after another"),
        ),
        goals=(
            *(
                at_least(
                    f"{IN_FLIGHT} in flight: calls a second, {name} = 1",
                    ours.against(many[name], rate),
                    reach,
                )
                for name, reach in ((UNDICI, 1.5), (FETCH, 8), (AXIOS, 8))
            ),
            *(
                at_most(f"one after another: CPU, {name} = 1", alone.against(one[name], cpu), reach)
                for name, reach in ((UNDICI, 1.5), (FETCH, 1 / 3), (AXIOS, 1 / 3))
            ),
        ),
        rounds=bench.rounds,
    )
