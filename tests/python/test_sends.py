"""How often a request is sent, counted where it arrives: every operation in every way to fail, from
both clients. All calls are made in advance, at the same time: most of them are waiting."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import itertools
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

import pytest

from calls import CREATING, OPERATIONS, REPEATABLE, SUCCESS, WIRE, method
from scripted import Answer, Request, Scripted, answer, scripted
from verigator import Api, AsyncApi, VerigatorError

Idempotency = Literal["on", "off"]

# May have acted.
AMBIGUOUS = {
    "500": answer(500),
    "502": answer(502),
    "503": answer(503),
    "500 with Retry-After": answer(500, retry_after="0"),
    "502 with Retry-After": answer(502, retry_after="0"),
    "502 in HTML": Answer(b"HTTP/1.1 502 Bad\r\ncontent-length: 4\r\n\r\n<br>"),
    "an end without an answer": Answer(then="close"),
    "a reset": Answer(then="reset"),
    "half a head": Answer(b"HTTP/1.1 200 OK\r\ncontent-", then="close"),
    "half a body": Answer(b'HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{"id":', then="close"),
}
# Not now.
DECLINED = {
    "408": answer(408),
    "425": answer(425),
    "429": answer(429),
    "408 with Retry-After": answer(408, retry_after="0"),
    "425 with Retry-After": answer(425, retry_after="0"),
    "429 with Retry-After": answer(429, retry_after="0"),
    "503 with Retry-After": answer(503, retry_after="0"),
}
# No second request changes these.
FINAL = {
    **{str(code): answer(code) for code in (302, 307, 400, 401, 403, 404, 409, 410, 418, 422)},
    "429 with a long Retry-After": answer(429, retry_after="61"),
    "503 with a long Retry-After": answer(503, retry_after="61"),
    "no JSON": Answer(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\n<br>"),
    "too large": Answer(b"HTTP/1.1 200 OK\r\ncontent-length: 1048577\r\n\r\n" + b" " * 1048577),
}
WAYS = {**AMBIGUOUS, **DECLINED, **FINAL}
# With a timeout, not the 30 seconds that are usual.
SILENCE = Answer(then="wait")

# The first and two more, which is the default.
SENDS = 3

# Of each client. Every call has some files of its own, and so has the server.
AT_ONCE = 80


class Case(NamedTuple):
    """A call, and what happens to it."""

    cls: type[Api | AsyncApi]
    operation: str
    idempotency: Idempotency
    way: str
    #: How many requests end so, before one succeeds.
    times: int
    #: Of the client, and of this call alone.
    options: dict[str, Any] = {}  # noqa: RUF012 (never changed)
    own: dict[str, Any] = {}  # noqa: RUF012

    @property
    def answer(self) -> Answer:
        return SILENCE if self.way == "silence" else WAYS[self.way]

    @property
    def is_sent_again(self) -> bool:
        """The retry table of the contract."""
        if self.way in FINAL:
            return False
        if self.idempotency == "on" or self.operation in REPEATABLE:
            return True
        return self.way in DECLINED and self.operation in CREATING


@dataclass
class Trial:
    """What came of a case."""

    case: Case
    requests: list[Request] = field(default_factory=list)
    error: VerigatorError | None = None


def cases() -> Iterator[Case]:
    clients: tuple[type[Api | AsyncApi], ...] = (Api, AsyncApi)
    idempotencies: tuple[Idempotency, ...] = ("on", "off")
    for cls, operation, idempotency in itertools.product(clients, WIRE, idempotencies):
        for way in WAYS:
            yield Case(cls, operation, idempotency, way, 1, options={"max_retries": 0})
            yield Case(cls, operation, idempotency, way, 1, own={"max_retries": 0})
            yield Case(cls, operation, idempotency, way, 1)
            yield Case(cls, operation, idempotency, way, SENDS)
        once = {"max_retries": 0, "timeout": 0.5}
        yield Case(cls, operation, idempotency, "silence", 1, options=once)
        yield Case(cls, operation, idempotency, "silence", 1, own=once)


class Trials:
    """All cases, tried."""

    def __init__(self) -> None:
        self.trials = [Trial(case) for case in cases()]

    def answer(self, request: Request) -> Answer:
        """The number of a case is the first part of the path."""
        trial = self.trials[int(request.target.split("/")[1])]
        trial.requests.append(request)
        if len(trial.requests) <= trial.case.times:
            return trial.case.answer
        return answer(*SUCCESS[trial.case.operation])

    @contextlib.contextmanager
    def method(self, number: int, server: Scripted) -> Iterator[Callable[[], Any]]:
        """The call, to be made. Its error is kept."""
        trial = self.trials[number]
        cls, operation, idempotency, _, _, options, own = trial.case
        endpoint = f"{server.url}/{number}"
        client = cls("user", "pass", endpoint, idempotency=idempotency, **options)
        try:
            yield functools.partial(method(client, operation), **OPERATIONS[operation], **own)
        except VerigatorError as error:
            trial.error = error
        finally:
            client.close()

    def wait(self, number: int, server: Scripted) -> None:
        with self.method(number, server) as call:
            call()

    async def await_all(self, numbers: list[int], server: Scripted) -> None:
        at_once = asyncio.Semaphore(AT_ONCE)

        async def one(number: int) -> None:
            async with at_once:
                with self.method(number, server) as call:
                    await call()

        await asyncio.gather(*map(one, numbers))


@pytest.fixture(scope="session")
def trials() -> list[Trial]:
    made = Trials()
    with scripted(made.answer) as server:
        numbers: dict[type[Api | AsyncApi], list[int]] = {Api: [], AsyncApi: []}
        for number, trial in enumerate(made.trials):
            numbers[trial.case.cls].append(number)
        with ThreadPoolExecutor(AT_ONCE + 1) as threads:
            awaiting = threads.submit(asyncio.run, made.await_all(numbers[AsyncApi], server))
            list(threads.map(made.wait, numbers[Api], itertools.repeat(server)))
            awaiting.result()
    return made.trials


def of(trials: list[Trial], operation: str, idempotency: str, *ways: str) -> list[Trial]:
    found = [
        trial
        for trial in trials
        if (trial.case.operation, trial.case.idempotency) == (operation, idempotency)
        and trial.case.way in ways
    ]
    assert found
    return found


EVERY = pytest.mark.parametrize(
    ("operation", "idempotency"), [*itertools.product(WIRE, ("on", "off"))]
)


@EVERY
def test_without_retries_there_is_exactly_one_send(
    operation: str, idempotency: str, trials: list[Trial]
) -> None:
    for trial in of(trials, operation, idempotency, *WAYS, "silence"):
        if trial.case.options or trial.case.own:
            assert_one_send(trial)


@EVERY
def test_what_passes_is_sent_again_where_the_table_says_so(
    operation: str, idempotency: str, trials: list[Trial]
) -> None:
    for trial in of(trials, operation, idempotency, *WAYS):
        if trial.case.options or trial.case.own or trial.case.times > 1:
            continue
        if trial.case.is_sent_again:
            assert (trial.error, len(trial.requests)) == (None, 2), trial.case
        else:
            assert_one_send(trial)


@EVERY
def test_what_stays_is_sent_three_times_where_the_table_says_so(
    operation: str, idempotency: str, trials: list[Trial]
) -> None:
    for trial in of(trials, operation, idempotency, *WAYS):
        if trial.case.times == 1:
            continue
        if trial.case.is_sent_again:
            assert len(trial.requests) == SENDS, trial.case
            assert trial.error is not None
            assert trial.error.attempts == SENDS
            assert trial.error.outcome == (
                "unknown" if trial.case.way in AMBIGUOUS else "rejected"
            ), trial.case
        else:
            assert_one_send(trial)


@EVERY
def test_a_key_stays_the_same_for_a_call_and_no_longer(
    operation: str, idempotency: str, trials: list[Trial]
) -> None:
    keys = []
    for trial in of(trials, operation, idempotency, *WAYS, "silence"):
        (key,) = {request.headers.get("idempotency-key") for request in trial.requests}
        (_body,) = {request.body for request in trial.requests}
        keys.append(key)
    if idempotency == "off" or operation in REPEATABLE:
        assert set(keys) == {None}
    else:
        assert None not in keys
        assert len(set(keys)) == len(keys)


def assert_one_send(trial: Trial) -> None:
    case, error = trial.case, trial.error
    assert len(trial.requests) == 1, case
    assert error is not None, case
    assert error.attempts == 1, case
    if case.way in AMBIGUOUS or case.way == "silence":
        assert error.outcome == "unknown", case
        assert error.safe_to_retry == (case.operation in REPEATABLE), case
    elif case.way in DECLINED or "Retry-After" in case.way:
        assert (error.outcome, error.safe_to_retry) == ("rejected", True), case
    else:
        # An answer of success that cannot be read is one.
        acted = error.outcome == "accepted"
        assert acted == (case.way in ("no JSON", "too large")), case
        assert acted or error.outcome == "rejected", case
        assert not error.safe_to_retry, case
