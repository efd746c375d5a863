"""The Rust clients that are compared, each in a process of its own."""

from __future__ import annotations

from harness import builds
from harness.contender import Contender

OURS = "verigator"
HYPER = "hyper"
REQWEST = "reqwest"

AWAITED = {OURS: "verigator", HYPER: "hyper", REQWEST: "reqwest"}
BLOCKING = {OURS: "verigator-blocking", HYPER: "hyper-blocking", REQWEST: "reqwest-blocking"}


def contenders(names: dict[str, str], endpoint: str) -> list[Contender]:
    """Clients of an endpoint."""
    program = builds.rust() / "bench-client"
    return [Contender(name, [program, client, endpoint]) for name, client in names.items()]
