"""aiohttp on uvloop's event loop."""

import uvloop

from aiohttp_session import client
from serving_async import serve

uvloop.run(serve(client))
