"""The same as `serving` for calls that are awaited on one event loop."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import TYPE_CHECKING

from serving import begin, end

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from contextlib import AbstractAsyncContextManager

    Call = Callable[[], Awaitable[bool]]


async def serve(client: Callable[[], AbstractAsyncContextManager[Call]]) -> None:
    """Makes calls, as many in flight as are asked for.

    Args:
        client: opens what the calls are made with; its value makes one and tells whether the PIN
            was right.
    """
    async with client() as call:
        for line in sys.stdin:
            asked = json.loads(line)
            calls, at_once = asked["calls"], asked["at_once"]
            await each(call, at_once, at_once)  # some may have to connect anew
            began = begin()
            made = await each(call, at_once, calls)
            end(began, made)


async def each(call: Call, at_once: int, calls: int) -> int:
    """Makes so many calls from so many tasks; how many were answered rightly."""
    left = iter(range(calls))

    async def some() -> int:
        made = 0
        for _ in left:
            made += await call()
        return made

    return sum(await asyncio.gather(*(some() for _ in range(at_once))))
