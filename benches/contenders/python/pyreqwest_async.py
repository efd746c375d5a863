"""pyreqwest's awaited client."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

from pyreqwest.client import ClientBuilder

from serving_async import serve
from target import HEADERS, TIMEOUT, TOKEN, URL

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from serving_async import Call


@asynccontextmanager
async def client() -> AsyncIterator[Call]:
    """The client."""
    builder = ClientBuilder().default_headers(HEADERS).timeout(timedelta(seconds=TIMEOUT))
    async with builder.error_for_status(True).build() as session:

        async def call() -> bool:
            answer = await session.put(URL).body_json({"token": TOKEN}).build().send()
            return (await answer.json())["verified"] is True

        yield call


asyncio.run(serve(client))
