"""This project's client, awaited."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from serving_async import serve
from target import CA, ENDPOINT, PASSWORD, SERVICE, TOKEN, USER, USERNAME
from verigator import AsyncApi

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from serving_async import Call


@asynccontextmanager
async def client() -> AsyncIterator[Call]:
    """The client."""
    async with AsyncApi(USERNAME, PASSWORD, ENDPOINT, ca_bundle=CA) as api:
        yield lambda: api.auth.verify(SERVICE, USER, TOKEN)


asyncio.run(serve(client))
