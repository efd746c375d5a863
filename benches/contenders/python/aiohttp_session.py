"""aiohttp with a session whose pool holds a connection for every call in flight."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import aiohttp

from serving_async import serve
from target import HEADERS, MOST_AT_ONCE, TIMEOUT, TOKEN, URL

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from serving_async import Call


@asynccontextmanager
async def client() -> AsyncIterator[Call]:
    """The session."""
    async with aiohttp.ClientSession(
        headers=HEADERS,
        connector=aiohttp.TCPConnector(limit=MOST_AT_ONCE),
        timeout=aiohttp.ClientTimeout(total=TIMEOUT),
        raise_for_status=True,
    ) as session:

        async def call() -> bool:
            async with session.put(URL, json={"token": TOKEN}) as answer:
                said = await answer.json()
            return said["verified"] is True

        yield call


if __name__ == "__main__":
    asyncio.run(serve(client))
