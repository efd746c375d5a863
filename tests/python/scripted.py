"""An HTTP server whose every answer a test decides, and which keeps what came."""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal


@dataclass(frozen=True)
class Request:
    """What came, without what it came over."""

    method: str
    target: str
    #: By their names in lower case.
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True)
class Answer:
    """Bytes, and what becomes of the connection after them."""

    data: bytes = b""
    then: Literal["keep", "close", "reset", "wait"] = "keep"
    #: Seconds to let pass before.
    after: float = 0


Script = Callable[[Request], Answer]


def answer(status: int, body: Any = None, **headers: str) -> Answer:
    """A whole answer with a JSON body; names of headers have underscores for hyphens."""
    text = json.dumps({} if body is None else body).encode()
    named = {"content-type": "application/json", "content-length": str(len(text))}
    named |= {name.replace("_", "-"): value for name, value in headers.items()}
    lines = [f"HTTP/1.1 {status} Status", *(f"{name}: {value}" for name, value in named.items())]
    return Answer("\r\n".join([*lines, "", ""]).encode() + text)


@dataclass
class Scripted:
    """A running server."""

    script: Script
    context: ssl.SSLContext | None = None
    requests: list[Request] = field(default_factory=list)
    #: How many connections were taken, those that failed to become secure among them.
    connections: int = 0
    port: int = 0
    open: set[asyncio.StreamWriter] = field(default_factory=set)

    @property
    def url(self) -> str:
        return f"{'https' if self.context else 'http'}://127.0.0.1:{self.port}"

    async def listen(self) -> asyncio.Server:
        loop = asyncio.get_running_loop()

        def protocol() -> asyncio.StreamReaderProtocol:
            self.connections += 1
            reader = asyncio.StreamReader(loop=loop)
            return asyncio.StreamReaderProtocol(reader, self.serve, loop=loop)

        server = await loop.create_server(protocol, "127.0.0.1", 0, ssl=self.context, backlog=512)
        self.port = server.sockets[0].getsockname()[1]
        return server

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.open.add(writer)
        try:
            while True:
                request = await read(reader)
                self.requests.append(request)
                answer = self.script(request)
                if answer.after:
                    await asyncio.sleep(answer.after)
                writer.write(answer.data)
                if answer.then != "keep":
                    await writer.drain()
                    await self.end(answer.then, reader, writer)
                    break
        except (asyncio.IncompleteReadError, ConnectionError, ssl.SSLError):
            # The other side may go away at any time.
            pass
        finally:
            self.open.discard(writer)
            writer.close()

    async def end(
        self, how: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        if how == "reset":
            # No lingering: closing it is a reset.
            writer.get_extra_info("socket").setsockopt(
                socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
            )
        elif how == "wait":
            await reader.read()


async def read(reader: asyncio.StreamReader) -> Request:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head[:-4].split("\r\n")
    method, target, _ = first.split(" ")
    headers = {}
    for line in lines:
        name, value = line.split(":", 1)
        headers[name.lower()] = value.strip()
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Request(method, target, headers, body)


@contextmanager
def scripted(script: Script, context: ssl.SSLContext | None = None) -> Iterator[Scripted]:
    """Runs one on a thread of its own."""
    server = Scripted(script, context)
    loop = asyncio.new_event_loop()
    # Connections that break are what tests are about.
    loop.set_exception_handler(lambda *_: None)

    async def stop() -> None:
        listening.close()
        for writer in server.open:
            writer.transport.abort()
        while len(asyncio.all_tasks()) > 1:
            await asyncio.sleep(0)

    listening = loop.run_until_complete(server.listen())
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield server
    finally:
        asyncio.run_coroutine_threadsafe(stop(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
