"""AsyncApi among event loops: cancelling, several at once, loops that end, loops that cannot
watch."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import inspect
import os
import socket
import threading
import time
import weakref
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from verigator import AsyncApi, NoSuchResourceError, VerigatorTimeoutError, _bridge, _core
from verigator.testing import Sandbox


class Silent:
    """Takes connections, answers nothing, and tells when the other side goes away."""

    def __init__(self) -> None:
        self.server = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.url = f"http://127.0.0.1:{self.server.getsockname()[1]}"

    def accept(self) -> socket.socket:
        """The connection of the next request, once that has come."""
        self.server.settimeout(5)
        connection, _ = self.server.accept()
        connection.settimeout(5)
        assert connection.recv(65536).startswith(b"GET ")
        return connection


@pytest.fixture
def silent() -> Iterator[Silent]:
    silent = Silent()
    yield silent
    silent.server.close()


class NoReaders(asyncio.SelectorEventLoop):
    """Watches no descriptors for others, as the Proactor loop of Windows."""

    def add_reader(self, fd: Any, callback: Any, *args: Any) -> None:  # type: ignore[override]
        # The loop's own waking-up comes this way.
        if fd is self._ssock:  # type: ignore[attr-defined]
            super().add_reader(fd, callback, *args)
            return
        raise NotImplementedError


LOOPS = pytest.mark.parametrize("loop_factory", [asyncio.SelectorEventLoop, NoReaders])


def run(loop_factory: Callable[[], asyncio.AbstractEventLoop], main: Awaitable[Any]) -> Any:
    loop = loop_factory()
    try:
        return loop.run_until_complete(main)
    finally:
        loop.close()


def eventually(condition: Callable[[], bool]) -> None:
    until = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.01)


def test_every_method_is_a_coroutine_function(sandbox: Sandbox) -> None:
    api = sandbox.async_api()
    for resource in (api.services, api.users, api.auth, api.totp):
        for name, method in inspect.getmembers(resource, inspect.ismethod):
            if not name.startswith("_"):
                assert inspect.iscoroutinefunction(method), name


def test_asyncio_run_takes_a_call(sandbox: Sandbox, service_id: str) -> None:
    service = asyncio.run(sandbox.async_api().services.get(service_id))
    assert service.id == service_id


@LOOPS
def test_a_loop_has_one_bridge(loop_factory: Any, sandbox: Sandbox, service_id: str) -> None:
    async def main() -> None:
        api = sandbox.async_api()
        call = asyncio.ensure_future(api.services.get(service_id))
        await asyncio.sleep(0)
        _, bridge = _bridge.bridge_of_running_loop()
        assert bridge.in_flight == 1
        await call
        await api.services.get(service_id)
        assert _bridge.bridge_of_running_loop()[1] is bridge
        if loop_factory is NoReaders:
            with pytest.raises(NotImplementedError):
                bridge.fileno()
        else:
            assert bridge.fileno() > 0

    run(loop_factory, main())


@LOOPS
def test_many_at_once(loop_factory: Any, sandbox: Sandbox, service_id: str) -> None:
    async def main() -> None:
        api = sandbox.async_api()
        replies = await asyncio.gather(*(api.services.get(service_id) for _ in range(300)))
        assert {reply.id for reply in replies} == {service_id}
        errors = await asyncio.gather(
            *(api.services.get(f"none-{n}") for n in range(50)), return_exceptions=True
        )
        assert {type(error) for error in errors} == {NoSuchResourceError}
        assert _bridge.bridge_of_running_loop()[1].in_flight == 0

    run(loop_factory, main())


@LOOPS
def test_cancelling_drops_the_request_and_the_client_stays_usable(
    loop_factory: Any, silent: Silent
) -> None:
    async def main() -> None:
        api = AsyncApi("u", "p", silent.url)
        call = asyncio.create_task(api.services.get("x"))
        connection = await asyncio.to_thread(silent.accept)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        # The end of the stream.
        with connection:
            assert await asyncio.to_thread(connection.recv, 1) == b""
        assert _bridge.bridge_of_running_loop()[1].in_flight == 0

        answered = asyncio.create_task(api.services.get("x"))
        with await asyncio.to_thread(silent.accept) as connection:
            connection.sendall(b"HTTP/1.1 404 Not Found\r\ncontent-length: 2\r\n\r\n{}")
            with pytest.raises(NoSuchResourceError):
                await answered

    run(loop_factory, main())


def test_a_call_that_is_given_up_by_its_generator(silent: Silent) -> None:
    async def main() -> None:
        api = AsyncApi("u", "p", silent.url)
        call = api.services.get("x")
        call.send(None)
        connection = await asyncio.to_thread(silent.accept)
        call.close()
        with connection:
            assert await asyncio.to_thread(connection.recv, 1) == b""

    asyncio.run(main())


@LOOPS
def test_wait_for_closes_the_connection_and_the_next_call_works(
    loop_factory: Any, silent: Silent
) -> None:
    async def main() -> None:
        api = AsyncApi("u", "p", silent.url)
        start = time.monotonic()
        # Nothing but wait_for would end it for 30 seconds.
        given_up = asyncio.create_task(asyncio.wait_for(api.services.get("x"), 0.3))
        connection = await asyncio.to_thread(silent.accept)
        with pytest.raises(asyncio.TimeoutError):
            await given_up
        assert time.monotonic() - start < 5
        with connection:
            assert await asyncio.to_thread(connection.recv, 1) == b""

        answered = asyncio.create_task(asyncio.wait_for(api.services.get("x"), 5))
        with await asyncio.to_thread(silent.accept) as connection:
            connection.sendall(b"HTTP/1.1 404 Not Found\r\ncontent-length: 2\r\n\r\n{}")
            with pytest.raises(NoSuchResourceError):
                await answered

    run(loop_factory, main())


def test_calls_that_end_while_they_are_cancelled(sandbox: Sandbox, service_id: str) -> None:
    async def main() -> None:
        api = sandbox.async_api()
        for n in range(200):
            call = asyncio.create_task(api.services.get(service_id))
            # About when the answer comes, sooner or later.
            await asyncio.sleep(n % 10 * 0.0002)
            call.cancel()
            await asyncio.wait([call])
            assert call.cancelled() or call.result().id == service_id
        assert _bridge.bridge_of_running_loop()[1].in_flight == 0
        assert (await api.services.get(service_id)).id == service_id

    asyncio.run(main())


def test_one_client_in_four_loops_of_four_threads(sandbox: Sandbox, service_id: str) -> None:
    api = sandbox.async_api()
    together = threading.Barrier(4)
    ended: list[int] = []

    async def main() -> None:
        together.wait()
        for _ in range(20):
            replies = await asyncio.gather(*(api.services.get(service_id) for _ in range(5)))
            assert {reply.id for reply in replies} == {service_id}
        ended.append(threading.get_ident())

    threads = [threading.Thread(target=asyncio.run, args=(main(),)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(set(ended)) == 4


class Traces:
    """What is left of bridges."""

    def __init__(self) -> None:
        self.bridges: list[weakref.ref[_core.Bridge]] = []
        self.sockets: set[str] = set()

    def note(self) -> None:
        """Notes the bridge of the running loop."""
        _, bridge = _bridge.bridge_of_running_loop()
        self.bridges.append(weakref.ref(bridge))
        with contextlib.suppress(NotImplementedError):
            self.sockets.add(f"socket:[{os.fstat(bridge.fileno()).st_ino}]")

    def are_gone(self) -> bool:
        """Whether nothing is left, neither objects nor sockets. The worker may be about to let go
        of the last ones."""
        return not any(it() for it in self.bridges) and not self.sockets & set(open_files())


def open_files() -> Iterator[str]:
    for file in Path("/proc/self/fd").iterdir():
        # The one of the listing itself is gone, and others may be.
        with contextlib.suppress(FileNotFoundError):
            yield str(file.readlink())


@LOOPS
def test_loops_take_their_bridges_along(
    loop_factory: Any, sandbox: Sandbox, service_id: str
) -> None:
    api = sandbox.async_api()
    traces = Traces()
    gc.collect()
    before = len(_bridge._bridges)

    async def main() -> None:
        call = asyncio.ensure_future(api.services.get(service_id))
        await asyncio.sleep(0)
        traces.note()
        await call

    for _ in range(300):
        run(loop_factory, main())
    assert len(traces.bridges) == 300
    assert len(traces.sockets) == (0 if loop_factory is NoReaders else 300)
    eventually(traces.are_gone)
    gc.collect()
    assert len(_bridge._bridges) == before


@LOOPS
def test_loops_that_are_closed_with_calls_in_flight(loop_factory: Any, silent: Silent) -> None:
    api = AsyncApi("u", "p", silent.url)
    traces = Traces()
    tasks: list[asyncio.Task[Any]] = []
    connections: list[socket.socket] = []

    async def main() -> None:
        tasks.append(asyncio.create_task(api.services.get("x")))
        connections.append(await asyncio.to_thread(silent.accept))
        traces.note()

    for _ in range(5):
        loop = loop_factory()
        # What asyncio says of tasks that are destroyed is not ours.
        loop.set_exception_handler(lambda *_: None)
        loop.run_until_complete(main())
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()
        tasks.clear()
    gc.collect()
    eventually(traces.are_gone)
    # Their requests are dropped, too.
    for connection in connections:
        with connection:
            assert connection.recv(1) == b""


class Lost(asyncio.SelectorEventLoop):
    """A loop that does not complain of not having been closed."""

    def __del__(self) -> None:
        return None


def test_a_loop_that_is_dropped_without_being_closed(sandbox: Sandbox, service_id: str) -> None:
    api = sandbox.async_api()
    traces = Traces()

    async def main() -> None:
        await api.services.get(service_id)
        traces.note()

    def lose() -> None:
        loop = Lost()
        loop.run_until_complete(main())
        for own in (loop._ssock, loop._csock):  # type: ignore[attr-defined]
            own.close()

    lose()
    gc.collect()
    eventually(traces.are_gone)


def test_two_loops_in_turn_on_one_thread(sandbox: Sandbox, service_id: str) -> None:
    api = sandbox.async_api()
    traces = Traces()

    async def main() -> None:
        await api.services.get(service_id)
        traces.note()

    loops = [asyncio.SelectorEventLoop() for _ in range(2)]
    for loop in loops * 10:
        loop.run_until_complete(main())
    assert len(set(traces.bridges)) == len(traces.sockets) == 2
    for loop in loops:
        loop.close()
    eventually(traces.are_gone)


def test_a_loop_that_is_closed_before_a_late_ring() -> None:
    # What the worker may do in the moment after a loop was closed: nothing comes of it.
    loop = NoReaders()
    bridge = _bridge._rung_by_number(loop)
    (number,) = (
        number for number, (_, reference) in _bridge._numbered.items() if reference() is bridge
    )
    loop.close()
    _bridge.ring(number)
    del bridge
    _bridge.ring(number)
    assert number not in _bridge._numbered


def test_without_a_loop(sandbox: Sandbox) -> None:
    call = sandbox.async_api().services.get("x")
    with pytest.raises(RuntimeError, match="no running event loop"):
        call.send(None)


def test_closing(sandbox: Sandbox, service_id: str) -> None:
    async def main() -> None:
        async with sandbox.async_api() as api:
            await api.services.get(service_id)
        assert api.closed
        with pytest.raises(RuntimeError, match="closed"):
            await api.services.get(service_id)
        await api.aclose()
        other = sandbox.async_api()
        await other.aclose()
        assert other.closed

    asyncio.run(main())


def test_a_call_in_flight_ends_though_the_client_is_closed(silent: Silent) -> None:
    async def main() -> None:
        api = AsyncApi("u", "p", silent.url)
        call = asyncio.create_task(api.services.get("x"))
        with await asyncio.to_thread(silent.accept) as connection:
            api.close()
            connection.sendall(b"HTTP/1.1 404 Not Found\r\ncontent-length: 2\r\n\r\n{}")
            with pytest.raises(NoSuchResourceError):
                await call

    asyncio.run(main())


def test_the_loop_goes_on_while_a_call_waits(silent: Silent) -> None:
    async def main() -> None:
        api = AsyncApi("u", "p", silent.url, max_retries=0)
        call = asyncio.create_task(api.services.get("x", timeout=0.3))
        turns = 0
        while not call.done():
            await asyncio.sleep(0.01)
            turns += 1
        assert turns > 5
        assert isinstance(call.exception(), VerigatorTimeoutError)

    asyncio.run(main())
