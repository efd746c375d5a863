"""One module for each table. A section measures and reports; it writes nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sections import python_blocking

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.bench import Bench
    from harness.report import Report

#: In the order in which they are run.
SECTIONS: dict[str, Callable[[Bench], Report]] = {
    "python_blocking": python_blocking.measure,
}
