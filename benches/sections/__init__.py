"""One module for each section. A section measures and reports; it writes nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sections import (
    cost,
    footprint,
    growth,
    node,
    python_async,
    python_blocking,
    python_threads,
    python_tls,
    rust,
    server,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.bench import Bench
    from harness.report import Report

#: In the order in which they are run.
SECTIONS: dict[str, Callable[[Bench], Report]] = {
    "python_blocking": python_blocking.measure,
    "python_threads": python_threads.measure,
    "python_tls": python_tls.measure,
    "python_async": python_async.measure,
    "node": node.measure,
    "rust": rust.measure,
    "footprint": footprint.measure,
    "server": server.measure,
    "growth": growth.measure,
    "cost": cost.measure,
}
