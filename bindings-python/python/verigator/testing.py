"""A real Verigator server for the tests of those who use this library: in memory, in the test's
own process, on a loopback port, with the messages it sent, a clock that can be moved and faults
that can be set. pytest finds it as the fixture ``verigator_sandbox``."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta, timezone
from time import monotonic
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypedDict

from verigator import Api, AsyncApi, _core

if TYPE_CHECKING:
    import os
    from types import TracebackType

    from typing_extensions import Self, Unpack

__all__ = ["Message", "Options", "Sandbox"]

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_LOOK_AGAIN = 0.01


class Options(TypedDict, total=False):
    """The options that ``Api`` and ``AsyncApi`` take beside where the sandbox is."""

    username: str | None
    password: str | None
    timeout: float | None
    connect_timeout: float | None
    deadline: float | None
    max_retries: int | None
    idempotency: Literal["auto", "on", "off"] | None
    pool_idle_timeout: float | None
    proxy: str | None
    ca_bundle: str | os.PathLike[str] | bytes | None
    app_info: str | None
    allow_insecure_http: bool


class Message(NamedTuple):
    """A message that the sandbox took in place of a phone. ``repr`` shows the number masked, and
    neither text nor PIN: a test's output is a log, too."""

    to: str
    """The number, as ``+`` and digits."""
    text: str
    """The whole text."""
    pin: str
    """The PIN in it."""
    sent_at: datetime
    """When it was sent, at the sandbox's clock, in UTC."""

    def __repr__(self) -> str:
        masked = f"{self.to[:4]}{'•' * 5}{self.to[-2:]}"
        return f"Message(to={masked!r}, sent_at={self.sent_at.isoformat()!r})"


class Sandbox:
    """A running server. ``with Sandbox() as sandbox:`` or ``async with`` stops it at the end.

    The rules of a real server are in force: the resend delay, the tries, the expiry; ``advance``
    gets past those that wait. Only budgets are not: any number of messages may be sent.
    """

    def __init__(self) -> None:
        """Starts it, which takes a few milliseconds.

        Raises:
            OSError: the system gives no port or no thread.
        """
        self._core = _core.Sandbox()

    @property
    def url(self) -> str:
        """Where it listens: the ``endpoint`` of a client."""
        return self._core.url

    @property
    def username(self) -> str:
        """The name of its account."""
        return self._core.username

    @property
    def password(self) -> str:
        """The password of its account."""
        return self._core.password

    def api(self, **options: Unpack[Options]) -> Api:
        """A blocking client of this sandbox, with further options of ``Api``."""
        return Api(**self._options(options))

    def async_api(self, **options: Unpack[Options]) -> AsyncApi:
        """An awaitable client of this sandbox, with further options of ``AsyncApi``."""
        return AsyncApi(**self._options(options))

    def _options(self, options: Options) -> dict[str, Any]:
        return {
            "username": self.username,
            "password": self.password,
            "endpoint": self.url,
            **options,
        }

    @property
    def messages(self) -> list[Message]:
        """All messages so far, oldest first."""
        return [_message(*fields) for fields in self._core.messages()]

    def wait_for_message(self, to: str, timeout: float = 5) -> Message:
        """The latest message to a number, or else the first that comes.

        It blocks; in a coroutine await ``wait_for_message_async``.

        Args:
            to: the number, in any form that the server takes.
            timeout: how many seconds of real time to wait.

        Raises:
            TimeoutError: none came.
        """
        fields = self._core.wait_for_message(to, timeout)
        if fields is None:
            raise _no_message(timeout)
        return _message(*fields)

    async def wait_for_message_async(self, to: str, timeout: float = 5) -> Message:
        """``wait_for_message``, while the event loop goes on.

        Raises:
            TimeoutError: none came.
        """
        until = monotonic() + timeout
        while (fields := self._core.wait_for_message(to, 0)) is None:
            if monotonic() >= until:
                raise _no_message(timeout)
            await asyncio.sleep(_LOOK_AGAIN)
        return _message(*fields)

    def last_pin(self, to: str) -> str | None:
        """The PIN in the latest message to a number, in any form that the server takes; None when
        there is none."""
        return self._core.last_pin(to)

    def advance(self, seconds: float) -> None:
        """Moves the server's clock ahead.

        Raises:
            InvalidArgumentError: it is no number of seconds, 0 or more.
        """
        self._core.advance(seconds)

    def totp_code(self, secret: str) -> str:
        """The code that an authenticator with this secret shows at the server's time.

        Args:
            secret: the secret in Base32, as ``Enrolment.secret`` has it.

        Raises:
            InvalidArgumentError: it is no secret of an authenticator.
        """
        return self._core.totp_code(secret)

    def fail_next(
        self,
        *,
        status: int | None = None,
        drop: Literal["before_answer", "after_request"] | None = None,
        delay: float | None = None,
        count: int = 1,
        operation: str | None = None,
    ) -> None:
        """Sets a fault for the next requests it fits. Several wait in the order they were set, and
        one request meets one of them.

        Args:
            status: answers this status, 400 to 599, without acting.
            drop: closes the connection: ``after_request`` without acting on it, ``before_answer``
                after acting on it.
            delay: waits so many seconds before anything else.
            count: how many requests meet it.
            operation: only requests of this operation, such as ``auth.initiate``.

        Raises:
            InvalidArgumentError: it could never happen, or does nothing.
        """
        self._core.fail_next(status, drop, delay, count, operation)

    def stop(self) -> None:
        """Stops it and waits for it, for half a second at most. Again does nothing."""
        self._core.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await asyncio.to_thread(self.stop)

    def __repr__(self) -> str:
        return f"Sandbox(url={self.url!r})"


def _message(to: str, text: str, pin: str, sent_at: int) -> Message:
    return Message(to, text, pin, _EPOCH + timedelta(microseconds=sent_at))


def _no_message(timeout: float) -> TimeoutError:
    return TimeoutError(f"no message came within {timeout} seconds")
