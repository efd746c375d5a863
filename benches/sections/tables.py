"""The tables that most sections have: each contender's figures, and each beside ours."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.report import Table
from harness.rounds import cpu, rate, wall

if TYPE_CHECKING:
    from harness.rounds import Measured


def of_cost(found: dict[str, Measured], ours: str, title: str = "") -> Table:
    """What a call costs, the cheapest first."""
    rows = sorted(found.values(), key=lambda it: it.median(cpu))
    return Table(
        columns=("client", "CPU for a call, µs", "time, µs", "CPU, ours = 1"),
        rows=tuple(
            (it.name, it.median(cpu), it.median(wall), it.against(found[ours], cpu)) for it in rows
        ),
        title=title,
    )


def of_rate(found: dict[str, Measured], ours: str, title: str = "") -> Table:
    """How many calls are made in a second, the most first."""
    rows = sorted(found.values(), key=lambda it: -it.median(rate))
    return Table(
        columns=("client", "calls a second", "CPU for a call, µs", "calls, ours = 1"),
        rows=tuple(
            (it.name, it.median(rate), it.median(cpu), it.against(found[ours], rate)) for it in rows
        ),
        title=title,
    )
