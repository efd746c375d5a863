"""How a call is run: waiting, or awaited. Knows calls and clients, and nothing of what a call does
or returns. Whoever holds a caller can call; it is what models are bound to."""

from __future__ import annotations

from verigator import _core
from verigator._log import call_log

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeVar

    T = TypeVar("T")


class Caller:
    """Runs calls on the calling thread."""

    __slots__ = ("client",)

    def __init__(self, config: _core.Config) -> None:
        self.client: _core.BlockingClient = _core.BlockingClient(config)

    def run(
        self,
        call: _core.Call[T],
        timeout: float | None,
        deadline: float | None,
        max_retries: int | None,
    ) -> T:
        """Waits for a call."""
        log = call_log(call)
        try:
            reply = self.client.call(call, timeout, deadline, max_retries)
        except BaseException as error:
            if log is not None:
                log.failed(error)
            raise
        if log is not None:
            log.succeeded()
        return reply


class AsyncCaller:
    """Runs calls on the background worker, for whichever event loop awaits them."""

    __slots__ = ("client",)

    def __init__(self, config: _core.Config) -> None:
        self.client: _core.AsyncClient = _core.AsyncClient(config)

    async def run(
        self,
        call: _core.Call[T],
        timeout: float | None,
        deadline: float | None,
        max_retries: int | None,
    ) -> T:
        """Awaits a call. When it is cancelled, so is the request."""
        # Here, for it imports asyncio.
        from verigator._bridge import bridge_of_running_loop

        log = call_log(call)
        loop, bridge = bridge_of_running_loop()
        future = loop.create_future()
        number: int | None = None
        try:
            number = self.client.start(bridge, future, call, timeout, deadline, max_retries)
            reply: T = await future
        except BaseException as error:
            if number is not None:
                bridge.abort(number)
            if log is not None:
                log.failed(error)
            raise
        if log is not None:
            log.succeeded()
        return reply
