"""Every operation as something that is prepared, done once by a client that may meet a fault, and
whose effect on the server is then counted."""

from __future__ import annotations

import base64
import hashlib
import hmac
import itertools
import struct
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any

from calls import REPEATABLE, method
from verigator import Api, AsyncApi, Enrolment, NoSuchResourceError, ResourceAlreadyExistsError

# Verifying is two deeds: a wrong guess uses up a try, and only the right one is spent.
DEEDS = (
    "services.create",
    "services.get",
    "services.delete",
    "users.create",
    "users.get",
    "users.get_all",
    "users.delete",
    "auth.initiate",
    "auth.verify, wrong",
    "auth.verify, right",
    "totp.enrol",
    "totp.confirm",
    "totp.remove",
)
READING = frozenset({"services.get", "users.get", "users.get_all"})


@dataclass(frozen=True)
class Task:
    """A deed with all it needs. What is sent has the same length in each."""

    deed: str
    service: str
    user: str
    #: Of a service or a user that is to be made.
    name: str
    number: str
    token: str = ""
    #: The right PIN, where there is one.
    pin: str = ""

    @property
    def operation(self) -> str:
        return self.deed.split(",", maxsplit=1)[0]

    @property
    def is_repeatable(self) -> bool:
        return self.operation in REPEATABLE

    @property
    def acts(self) -> bool:
        """Whether it changes anything."""
        return self.deed not in READING

    @property
    def arguments(self) -> tuple[str, ...]:
        match self.operation:
            case "services.create":
                return f"{self.name}.example", self.name
            case "services.get" | "services.delete" | "users.get_all":
                return (self.service,)
            case "users.create":
                return self.service, self.number, self.name
            case "auth.initiate":
                return self.service, self.user, "sms"
            case "auth.verify" | "totp.confirm":
                return self.service, self.user, self.token
            case _:
                return self.service, self.user

    def call(self, client: Api | AsyncApi) -> Any:
        """Does it. What comes back is to be awaited when the client is."""
        return method(client, self.operation)(*self.arguments)

    def is_done(self, reply: Any) -> bool:
        """Whether a reply is that of a success."""
        match self.deed:
            case "services.create":
                done = reply.name == self.name
            case "services.get":
                done = reply.id == self.service
            case "users.create":
                done = reply.username == self.name
            case "users.get":
                done = reply.id == self.user
            case "users.get_all":
                done = [it.id for it in reply] == [self.user]
            case "auth.initiate":
                done = reply == "sms"
            case "totp.enrol":
                done = isinstance(reply, Enrolment)
            case _:
                done = reply is (not self.deed.endswith("wrong"))
        return bool(done)


@dataclass
class Stage:
    """A server where nothing but the client keeps a second message from going out, a client that
    meets no fault, and how to see what was sent."""

    api: AsyncApi
    #: The PINs that went to a number.
    pins: Callable[[str], Awaitable[list[str]]]
    #: A service with one user, who stays the only one.
    service: str
    user: str
    #: Where everything else happens.
    workplace: str
    #: How many wrong guesses there are.
    tries: int
    names: itertools.count[int]

    @classmethod
    async def set(
        cls, api: AsyncApi, pins: Callable[[str], Awaitable[list[str]]], name: str
    ) -> Stage:
        service = await api.services.create(f"{name}.example", name)
        user = await api.users.create(service.id, "+3725500000", "first")
        workplace = await api.services.create(f"work.{name}.example", f"{name}-work")
        stage = cls(api, pins, service.id, user.id, workplace.id, 0, itertools.count())
        stage.tries = await stage.guesses(await stage.prepare("auth.verify, wrong"))
        assert stage.tries > 1
        return stage

    async def prepare(self, deed: str) -> Task:
        number = next(self.names)
        name = f"{self.service[:8]}-{number:06}"
        service = self.service if deed in READING else self.workplace
        task = Task(deed, service, self.user, name, f"+37255{number:06}")
        if deed == "services.delete":
            made = await self.api.services.create(f"{name}.example", name)
            return replace(task, service=made.id)
        if deed in {"services.create", "users.create", *READING}:
            return task
        user = await self.api.users.create(task.service, task.number, task.name)
        task = replace(task, user=user.id)
        if task.operation == "auth.verify":
            await self.api.auth.initiate(task.service, task.user, "sms")
            (pin,) = await self.pins(task.number)
            return replace(task, pin=pin, token=pin if deed.endswith("right") else wrong(pin))
        if deed in {"totp.confirm", "totp.remove"}:
            enrolment = await self.api.totp.enrol(task.service, task.user)
            task = replace(task, token=totp_code(enrolment.secret))
        if deed == "totp.remove":
            assert await self.api.totp.confirm(task.service, task.user, task.token)
        return task

    async def guesses(self, task: Task) -> int:
        """Uses up all wrong guesses that are left."""
        for guessed in itertools.count():
            answer = await self.api.auth.verify_detailed(task.service, task.user, wrong(task.pin))
            assert answer.status is not None
            if answer.status.throttled:
                return guessed
        raise AssertionError

    async def acts(self, task: Task, reply: Any) -> int:
        """How often the server did it, where 2 may be more. To be asked once, since asking uses up
        what is left to see."""
        api, at = self.api, (task.service, task.user)
        match task.deed:
            case "services.create" | "users.create":
                acted = await exists(task.call(api))
            case "services.delete":
                acted = await is_gone(api.services.get(task.service))
            case "users.delete":
                acted = await is_gone(api.users.get(*at))
            case "auth.initiate":
                acted = len(await self.pins(task.number))
            case "auth.verify, wrong":
                acted = self.tries - await self.guesses(task)
            case "totp.enrol" if isinstance(reply, Enrolment):
                # A second enrolment has another secret.
                acted = 1 if await api.totp.confirm(*at, totp_code(reply.secret)) else 2
            case "totp.enrol":
                acted = 1 - await is_gone(api.totp.confirm(*at, "000000"))
            case "totp.confirm":
                acted = await exists(api.totp.enrol(*at))
            case "auth.verify, right" | "totp.remove":
                acted = await is_gone(task.call(api))
            case _:
                acted = 0
        return acted


async def exists(made: Awaitable[Any]) -> int:
    """1 when it could not be made because it is there."""
    try:
        await made
    except ResourceAlreadyExistsError:
        return 1
    return 0


async def is_gone(got: Awaitable[Any]) -> int:
    """1 when it was not found."""
    try:
        await got
    except NoSuchResourceError:
        return 1
    return 0


def wrong(pin: str) -> str:
    return ("1" if pin.startswith("0") else "0") + pin[1:]


def totp_code(secret: str, later: int = 0) -> str:
    """What an authenticator shows now, or so many steps of 30 seconds later: RFC 6238, 6 digits."""
    key = base64.b32decode(secret + "=" * (-len(secret) % 8))
    step = int(time.time()) // 30 + later
    digest = hmac.digest(key, struct.pack(">Q", step), hashlib.sha1)
    place = digest[-1] & 15
    code = int.from_bytes(digest[place : place + 4], "big") & 0x7FFFFFFF
    return f"{code % 10**6:06}"
