"""The sandbox's faults, as those use them who test how their own code takes a failure. What happens
is seen at the sandbox: in what it did, in its messages, and in the faults that are left."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from deeds import DEEDS, Stage, Task
from verigator import (
    Api,
    AsyncApi,
    InternalError,
    NoSuchResourceError,
    RateLimitError,
    User,
    VerigatorConnectionError,
    VerigatorError,
    VerigatorTimeoutError,
)
from verigator.testing import Sandbox

CLIENTS = pytest.mark.parametrize("cls", [Api, AsyncApi], ids=["api", "async"])


class House:
    """A sandbox, and the deeds that are done there while it fails."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        api = sandbox.async_api()
        self.stage = asyncio.run(Stage.set(api, self.pins, "house"))

    async def pins(self, number: str) -> list[str]:
        return [it.pin for it in self.sandbox.messages if it.to == number]

    def left(self, task: Task) -> int:
        """Uses up the faults that are left for an operation."""
        probe = self.sandbox.api(max_retries=0)
        nobody = Task(task.deed, "none", "none", "", "", "123456")
        for used in itertools.count():
            try:
                nobody.call(probe)
            except VerigatorError as error:
                if error.outcome == "rejected" and error.error_code != "sandbox_fault":
                    return used
        raise AssertionError


class Trial:
    """A deed that met faults."""

    def __init__(self, house: House, client: Api | AsyncApi, deed: str, **fault: Any) -> None:
        count = fault.setdefault("count", 1)
        self.task = asyncio.run(house.stage.prepare(deed))
        house.sandbox.fail_next(operation=self.task.operation, **fault)
        self.error: VerigatorError | None = None
        self.reply: Any = None
        try:
            reply = self.task.call(client)
            self.reply = asyncio.run(awaited(reply)) if isinstance(client, AsyncApi) else reply
        except VerigatorError as error:
            self.error = error
        #: Requests that met one.
        self.met = count - house.left(self.task)
        self.acts = asyncio.run(house.stage.acts(self.task, self.reply))


async def awaited(reply: Any) -> Any:
    return await reply


@pytest.fixture(scope="session")
def house() -> Iterator[House]:
    """Its faults are always used up."""
    with Sandbox() as sandbox:
        yield House(sandbox)


@CLIENTS
@pytest.mark.parametrize("deed", DEEDS)
@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
def test_without_retries_a_status_is_met_once(
    cls: type[Api | AsyncApi], deed: str, status: int, house: House
) -> None:
    sandbox = house.sandbox
    client = cls(sandbox.username, sandbox.password, sandbox.url, max_retries=0, idempotency="on")
    trial = Trial(house, client, deed, status=status, count=3)
    assert (trial.met, trial.acts) == (1, 0)
    assert trial.error is not None
    assert (trial.error.code, trial.error.attempts) == (status, 1)
    assert trial.error.error_code == "sandbox_fault"
    assert trial.error.outcome == ("rejected" if status < 500 else "unknown")


@CLIENTS
@pytest.mark.parametrize("deed", DEEDS)
@pytest.mark.parametrize("drop", ["after_request", "before_answer"])
def test_without_retries_a_connection_is_lost_once(
    cls: type[Api | AsyncApi], deed: str, drop: str, house: House
) -> None:
    sandbox = house.sandbox
    client = cls(sandbox.username, sandbox.password, sandbox.url, max_retries=0, idempotency="on")
    trial = Trial(house, client, deed, drop=drop, count=3)
    assert trial.met == 1
    assert trial.acts == (drop == "before_answer" and trial.task.acts)
    assert isinstance(trial.error, VerigatorConnectionError)
    assert (trial.error.outcome, trial.error.attempts) == ("unknown", 1)
    assert trial.error.safe_to_retry == trial.task.is_repeatable


# Each passes before the second attempt.
PASSING: dict[str, dict[str, Any]] = {
    "500": {"status": 500},
    "503": {"status": 503},
    "429": {"status": 429},
    "a loss without the deed": {"drop": "after_request"},
    "a loss after the deed": {"drop": "before_answer"},
    "a delay": {"delay": 0.8},
}
WAYS = [*itertools.product((Api, AsyncApi), DEEDS, ("on", "off"), PASSING)]


def tried(cls: type[Api | AsyncApi], deed: str, idempotency: str, fault: str) -> Trial:
    """Each has a sandbox of its own, and all are tried at the same time."""
    with Sandbox() as sandbox:
        client = cls(
            sandbox.username,
            sandbox.password,
            sandbox.url,
            idempotency=idempotency,  # type: ignore[arg-type]
            timeout=0.4 if fault == "a delay" else 5,
        )
        return Trial(House(sandbox), client, deed, **PASSING[fault])


@pytest.fixture(scope="session")
def trials() -> dict[tuple[Any, ...], Trial]:
    with ThreadPoolExecutor(32) as threads:
        return dict(zip(WAYS, threads.map(tried, *zip(*WAYS, strict=True)), strict=True))


@CLIENTS
@pytest.mark.parametrize("deed", DEEDS)
@pytest.mark.parametrize("fault", PASSING)
def test_with_keys_every_call_succeeds_whose_fault_passes(
    cls: type[Api | AsyncApi], deed: str, fault: str, trials: dict[tuple[Any, ...], Trial]
) -> None:
    trial = trials[cls, deed, "on", fault]
    assert trial.error is None
    assert trial.task.is_done(trial.reply)
    assert (trial.met, trial.acts) == (1, trial.task.acts)


@CLIENTS
@pytest.mark.parametrize("deed", DEEDS)
@pytest.mark.parametrize("fault", PASSING)
def test_without_keys_nothing_happens_twice(
    cls: type[Api | AsyncApi], deed: str, fault: str, trials: dict[tuple[Any, ...], Trial]
) -> None:
    trial = trials[cls, deed, "off", fault]
    error = trial.error
    assert trial.met == 1
    if error is None:
        assert trial.task.is_done(trial.reply)
        assert trial.acts == trial.task.acts
        assert trial.task.is_repeatable or fault == "429"
    else:
        assert not trial.task.is_repeatable
        assert error.attempts == 1
        assert trial.acts <= (fault in {"a loss after the deed", "a delay"})
        assert error.outcome == ("rejected" if fault == "429" else "unknown")


@CLIENTS
def test_once_the_server_has_said_that_it_honours_keys(cls: type[Api | AsyncApi]) -> None:
    with Sandbox() as sandbox:
        house = House(sandbox)
        client = cls(sandbox.username, sandbox.password, sandbox.url)
        first = Trial(house, client, "auth.initiate", drop="before_answer")
        assert first.error is not None
        assert (first.error.outcome, first.acts) == ("unknown", 1)
        met = Trial(house, client, "services.get", status=404)
        assert met.error is not None
        later = Trial(house, client, "auth.initiate", drop="before_answer")
        assert (later.error, later.reply, later.acts) == (None, "sms", 1)


def let_in(user: User, pin: str) -> str:
    """What a site might do, as it would be tested."""
    try:
        answer = user.verify_pin(pin)
    except NoSuchResourceError:
        return "ask for a new PIN"
    except RateLimitError:
        return "wait"
    except (VerigatorConnectionError, VerigatorTimeoutError) as error:
        return "try again" if error.outcome == "not_sent" else "ask for a new PIN"
    except InternalError:
        return "come back later"
    return "welcome" if answer else "wrong PIN"


FAULTS_OF_A_LOGIN: list[tuple[dict[str, Any], str]] = [
    ({"status": 500}, "come back later"),
    ({"status": 503}, "come back later"),
    ({"status": 429}, "wait"),
    ({"status": 404}, "ask for a new PIN"),
    ({"drop": "after_request"}, "ask for a new PIN"),
    ({"drop": "before_answer"}, "ask for a new PIN"),
    ({"delay": 1.0}, "ask for a new PIN"),
]


@pytest.mark.parametrize(("fault", "said"), FAULTS_OF_A_LOGIN)
def test_a_login_that_fails_lets_nobody_in(
    fault: dict[str, Any], said: str, verigator_sandbox: Sandbox
) -> None:
    sandbox = verigator_sandbox
    api = sandbox.api(max_retries=0, timeout=0.6, idempotency="off")
    service = api.services.create("example.com", "Example")
    user = service.register_user("someone", "+37255555555")
    user.authenticate_using_sms()
    pin = sandbox.wait_for_message("+37255555555").pin

    sandbox.fail_next(operation="auth.verify", **fault)
    assert let_in(user, pin) == said

    # Over, it is as if it had not been; unless the PIN was spent meanwhile, unseen.
    again = let_in(user, pin)
    assert again == ("ask for a new PIN" if fault.get("drop") == "before_answer" else "welcome")


def test_a_server_that_is_stopped_lets_nobody_in() -> None:
    with Sandbox() as sandbox:
        service = sandbox.api(max_retries=0).services.create("example.com", "Example")
        user = service.register_user("someone", "+37255555555")
        user.authenticate_using_sms()
        pin = sandbox.wait_for_message("+37255555555").pin
    assert let_in(user, pin) == "try again"


def test_several_faults_wait_in_their_order(verigator_sandbox: Sandbox) -> None:
    sandbox = verigator_sandbox
    api = sandbox.api(max_retries=0)
    sandbox.fail_next(status=500, operation="users.get")
    sandbox.fail_next(status=503, count=2)
    sandbox.fail_next(status=429)
    codes = []
    for call in (api.services.get, api.services.get, api.services.get, api.services.get):
        with pytest.raises(VerigatorError) as caught:
            call("none")
        codes.append(caught.value.code)
    assert codes == [503, 503, 429, 404]
    for code in (500, 404):
        with pytest.raises(VerigatorError) as caught:
            api.users.get("none", "none")
        assert caught.value.code == code


def test_a_delay_holds_up_nothing_else(verigator_sandbox: Sandbox) -> None:
    async def main() -> None:
        sandbox = verigator_sandbox
        api = sandbox.async_api(max_retries=0)
        sandbox.fail_next(delay=1)
        loop = asyncio.get_running_loop()
        start = loop.time()
        slow = asyncio.create_task(api.services.create("example.com", "Example"))
        await asyncio.sleep(0.1)
        with pytest.raises(NoSuchResourceError):
            await api.services.get("none")
        assert loop.time() - start < 0.9
        assert (await slow).name == "Example"
        assert loop.time() - start >= 1

    asyncio.run(main())
