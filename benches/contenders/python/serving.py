"""Makes calls as it is told by lines of JSON, and answers how long they took."""

from __future__ import annotations

import json
import sys
from concurrent.futures import ThreadPoolExecutor
from time import perf_counter, process_time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


def serve(call: Callable[[], bool]) -> None:
    """Makes blocking calls, from as many threads as calls are to be in flight.

    Args:
        call: makes one and tells whether the PIN was right.
    """
    for line in sys.stdin:
        asked = json.loads(line)
        calls, at_once = asked["calls"], asked["at_once"]
        began, cpu = perf_counter(), process_time()
        if at_once == 1:
            made = repeat(call, calls)
        else:
            with ThreadPoolExecutor(at_once) as threads:
                shares = [calls // at_once] * at_once
                made = sum(threads.map(lambda share: repeat(call, share), shares))
        seconds, cpu = perf_counter() - began, process_time() - cpu
        print(json.dumps({"calls": made, "seconds": seconds, "cpu": cpu}), flush=True)


def repeat(call: Callable[[], bool], times: int) -> int:
    """How many of so many calls were answered rightly."""
    return sum(call() is True for _ in range(times))
