"""Makes calls as lines of JSON ask for, and answers how long they took and how many were answered
rightly.
"""

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
        if at_once == 1:
            call()  # may have to connect anew
            began = begin()
            made = repeat(call, calls)
            end(began, made)
            continue
        with ThreadPoolExecutor(at_once) as threads:
            each(threads, call, at_once, 1)
            began = begin()
            made = each(threads, call, at_once, calls // at_once)
            end(began, made)


def each(threads: ThreadPoolExecutor, call: Callable[[], bool], at_once: int, times: int) -> int:
    """Has each thread make so many calls; how many were answered rightly."""
    return sum(threads.map(lambda _: repeat(call, times), range(at_once)))


def repeat(call: Callable[[], bool], times: int) -> int:
    """How many of so many calls were answered rightly."""
    made = 0
    for _ in range(times):
        made += call()
    return made


def begin() -> tuple[float, float]:
    """The time, and the CPU that the process has used."""
    return perf_counter(), process_time()


def end(began: tuple[float, float], made: int) -> None:
    """Answers what came of it."""
    seconds, cpu = perf_counter() - began[0], process_time() - began[1]
    print(json.dumps({"calls": made, "seconds": seconds, "cpu": cpu}), flush=True)
