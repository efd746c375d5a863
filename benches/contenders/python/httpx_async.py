"""httpx's awaited client, whose pool holds a connection for every call in flight."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import httpx

from serving_async import serve
from target import ENDPOINT, HEADERS, MOST_AT_ONCE, PATH, TIMEOUT, TOKEN

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from serving_async import Call


@asynccontextmanager
async def client() -> AsyncIterator[Call]:
    """The client."""
    async with httpx.AsyncClient(
        base_url=ENDPOINT,
        headers=HEADERS,
        timeout=TIMEOUT,
        limits=httpx.Limits(max_keepalive_connections=MOST_AT_ONCE),
    ) as session:

        async def call() -> bool:
            answer = await session.put(PATH, json={"token": TOKEN})
            answer.raise_for_status()
            return answer.json()["verified"] is True

        yield call


asyncio.run(serve(client))
