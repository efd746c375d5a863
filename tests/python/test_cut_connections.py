"""Each operation, with its connection cut at byte after byte of the request and of the answer.

At every 7th byte, and around the first and last ones of head and body: Rust does it at every single
byte, with the same code below. All is done in advance, at the same time: most calls are waiting for
their next attempt."""

from __future__ import annotations

import asyncio
import itertools
import json
import urllib.parse
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import pytest

from calls import REPEATABLE
from deeds import DEEDS, Stage, Task
from peer import Peer, Server
from scripted import Answer, Request, Scripted
from verigator import Api, AsyncApi, VerigatorConnectionError, VerigatorError

AT_ONCE = 200
STEP = 7
# What is longer, as only the picture of an enrolment is, in so many steps.
STEPS = 60
# The first and two more, which is the default.
ATTEMPTS = 3

KEYED = tuple(deed for deed in DEEDS if deed.split(",", maxsplit=1)[0] not in REPEATABLE)


Idempotency = Literal["on", "off"]
Direction = Literal["request", "answer"]
How = Literal["reset", "close"]


class Shot(NamedTuple):
    """A deed, by whom it is done, and how its connections end."""

    cls: type[Api | AsyncApi]
    deed: str
    idempotency: Idempotency
    direction: Direction
    after: int
    how: How
    times: int


@dataclass(frozen=True)
class Trial:
    """What came of a shot."""

    shot: Shot
    task: Task
    reply: Any
    error: VerigatorError | None
    acts: int
    #: What the proxy counted.
    connections: int
    cuts: int

    @property
    def in_force(self) -> bool:
        """Whether the deed may be done again."""
        return self.shot.idempotency == "on" or self.task.is_repeatable


class Length(NamedTuple):
    """Of a request or an answer."""

    head: int
    whole: int

    def bytes(self) -> set[int]:
        step = max(STEP, self.whole // STEPS)
        edges = (0, self.head, self.whole)
        near = (edge + n for edge in edges for n in (-2, -1, 0, 1))
        return {it for it in (*near, *range(0, self.whole, step)) if 0 <= it <= self.whole}

    def edges(self) -> set[int]:
        return {0, 1, self.head, self.whole - 1, self.whole} - {-1}


class Http:
    """Requests beside the client, each over a connection of its own."""

    def __init__(self, url: str) -> None:
        place = urllib.parse.urlsplit(url)
        self.host, self.port = place.hostname, place.port

    async def send(
        self, method: str, target: str, body: bytes = b"", headers: dict[str, str] | None = None
    ) -> tuple[bytes, bytes]:
        """Head and body of the answer."""
        reader, writer = await asyncio.open_connection(self.host, self.port)
        given = {
            "content-type": "application/json",
            **(headers or {}),
            "host": f"{self.host}:{self.port}",
            "content-length": str(len(body)),
            "connection": "close",
        }
        lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {it}" for name, it in given.items())]
        writer.write("\r\n".join([*lines, "", ""]).encode() + body)
        head, end, answered = (await reader.read(-1)).partition(b"\r\n\r\n")
        writer.close()
        assert head.startswith(b"HTTP/1.1 20"), head
        return head + end, answered

    async def json(self, method: str, target: str, value: Any = None) -> Any:
        _, answered = await self.send(method, target, json.dumps(value).encode())
        return json.loads(answered) if answered else None


class Range:
    """Where it is shot."""

    def __init__(self, peer: Peer) -> None:
        self.server: Server = peer.behind_faults
        self.control = Http(peer.faults_url)
        self.behind = Http(self.server.url)
        self.at_once = asyncio.Semaphore(AT_ONCE)
        self.threads = ThreadPoolExecutor(AT_ONCE)

    async def pins(self, number: str) -> list[str]:
        to = urllib.parse.quote(number)
        messages = await self.behind.json("GET", f"/sandbox/messages?to={to}")
        return [it["pin"] for it in messages]

    def client(self, cls: type[Any], url: str, idempotency: str, **options: Any) -> Any:
        account = self.server.username, self.server.password
        return cls(*account, url, idempotency=idempotency, **options)

    async def set_stage(self) -> None:
        api = AsyncApi(self.server.username, self.server.password, self.server.url)
        self.stage = await Stage.set(api, self.pins, "range")

    async def measure(self, deed: str, idempotency: str) -> dict[Direction, Length]:
        """The lengths of what a deed sends and gets."""
        # What is sent, to be sent again by other means, and to see how long an answer's body is.
        sent: list[Request] = []

        def keep(request: Request) -> Answer:
            sent.append(request)
            return Answer(then="close")

        task = await self.stage.prepare(deed)
        server = Scripted(keep)
        async with await server.listen():
            client = self.client(AsyncApi, server.url, idempotency, max_retries=0)
            with pytest.raises(VerigatorConnectionError):
                await task.call(client)
        request = sent[0]
        head, _ = await self.behind.send(
            request.method, request.target, request.body, request.headers
        )

        proxy = await self.control.json("POST", "/proxies")
        await (await self.stage.prepare(deed)).call(
            self.client(AsyncApi, proxy["url"], idempotency)
        )
        counts = await self.control.json("GET", f"/proxies/{proxy['id']}")
        return {
            "request": Length(counts["request"] - len(request.body), counts["request"]),
            "answer": Length(len(head) - len("connection: close\r\n"), counts["answer"]),
        }

    async def fire(self, shot: Shot) -> Trial:
        async with self.at_once:
            task = await self.stage.prepare(shot.deed)
            cut = {name: getattr(shot, name) for name in ("direction", "after", "how", "times")}
            proxy = await self.control.json("POST", "/proxies", cut)
            client = self.client(shot.cls, proxy["url"], shot.idempotency)
            reply, error = None, None
            try:
                if isinstance(client, AsyncApi):
                    reply = await task.call(client)
                else:
                    loop = asyncio.get_running_loop()
                    reply = await loop.run_in_executor(self.threads, task.call, client)
            except VerigatorError as failure:
                error = failure
            client.close()
            counts = await self.control.json("GET", f"/proxies/{proxy['id']}")
            await self.control.send("DELETE", f"/proxies/{proxy['id']}")
            acts = await self.stage.acts(task, reply)
            return Trial(shot, task, reply, error, acts, counts["connections"], counts["cuts"])

    async def fire_all(self) -> list[Trial]:
        await self.set_stage()
        self.lengths = {}
        for deed, idempotency in SWEEPS:
            self.lengths[deed, idempotency] = await self.measure(deed, idempotency)
        trials = await asyncio.gather(*map(self.fire, self.shots()))
        self.threads.shutdown()
        return trials

    def shots(self) -> Iterator[Shot]:
        for (deed, idempotency), lengths in self.lengths.items():
            for direction, length in lengths.items():
                of_it = deed, idempotency, direction
                for after, how in zip(sorted(length.bytes()), itertools.cycle(HOWS)):
                    yield Shot(AsyncApi, *of_it, after, how, 1)
                for after in length.edges():
                    yield Shot(Api, *of_it, after, "reset", 1)
                    yield Shot(Api, *of_it, after, "close", ATTEMPTS)
                    yield Shot(AsyncApi, *of_it, after, "close", ATTEMPTS - 1)
                    yield Shot(AsyncApi, *of_it, after, "reset", ATTEMPTS)


HOWS: tuple[How, ...] = ("reset", "close")
# A request without a body carries no key, so keys change nothing for those deeds.
SWEEPS: tuple[tuple[str, Idempotency], ...] = (
    *((deed, "off") for deed in DEEDS),
    *((deed, "on") for deed in KEYED),
)


@pytest.fixture(scope="session")
def trials(peer: Peer) -> list[Trial]:
    return asyncio.run(Range(peer).fire_all())


@pytest.mark.parametrize(("deed", "idempotency"), SWEEPS)
def test_nothing_happens_twice_and_no_error_says_otherwise(
    deed: str, idempotency: str, trials: list[Trial]
) -> None:
    of_it = [it for it in trials if it.shot[1:3] == (deed, idempotency)]
    assert len(of_it) > 90
    for trial in of_it:
        judge(trial)
    # There are errors of calls that acted, and of calls that did not.
    acts = {it.acts for it in of_it if it.error}
    assert acts == ({0, 1} if of_it[0].task.acts else {0})
    last = max(it.shot.after for it in of_it if it.shot.direction == "answer")
    for trial in of_it:
        # Enrolments differ in their length. What has passed may be looked at before it is cut.
        surely = last / 2 if deed == "totp.enrol" else last
        if trial.shot.direction == "request" or trial.shot.after < surely:
            assert trial.cuts, trial


def judge(trial: Trial) -> None:
    shot, task, error = trial.shot, trial.task, trial.error
    assert trial.acts <= 1, trial
    if error is None:
        assert task.is_done(trial.reply), trial
        assert trial.acts == task.acts, trial
        return
    # Over, the fault is no more.
    assert not trial.in_force or shot.times == ATTEMPTS, trial
    assert isinstance(error, VerigatorConnectionError), trial
    # Where the first attempt was surely not sent, there may be a second.
    most = ATTEMPTS if trial.in_force else shot.times
    assert most >= error.attempts == trial.connections, trial
    assert error.attempts == ATTEMPTS or not trial.in_force, trial
    if error.outcome == "not_sent":
        assert trial.acts == 0, trial
    else:
        assert error.outcome == "unknown", trial
        assert task.is_repeatable or not error.safe_to_retry, trial
    if shot.direction == "answer":
        assert trial.acts == task.acts, trial
