"""`verigator.testing`: the sandbox that those who use this library test with."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
import threading
import time
import urllib.parse
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

import programs
from verigator import (
    Api,
    AsyncApi,
    InternalError,
    InvalidArgumentError,
    NoSuchResourceError,
    ResourceAlreadyExistsError,
    Service,
    User,
    VerigatorConnectionError,
    VerigatorError,
    VerigatorTimeoutError,
)
from verigator.testing import Message, Sandbox

TO = "+37255555555"


@pytest.fixture
def user(verigator_sandbox: Sandbox) -> User:
    service = verigator_sandbox.api(max_retries=0).services.create("example.com", "Example")
    return service.register_user("someone", TO)


def test_it_listens_while_the_block_runs() -> None:
    with Sandbox() as sandbox:
        place = urllib.parse.urlsplit(sandbox.url)
        assert place.hostname == "127.0.0.1"
        assert place.port is not None
        socket.create_connection(("127.0.0.1", place.port)).close()
        assert repr(sandbox) == f"Sandbox(url='{sandbox.url}')"
        service = sandbox.api(max_retries=0).services.create("example.com", "Example")
    # Nobody listens there, or somebody who knows nothing of it.
    with pytest.raises(VerigatorError):
        service.get_users()
    sandbox.stop()


def test_async_with() -> None:
    async def main() -> None:
        async with Sandbox() as sandbox, sandbox.async_api() as api:
            assert (await api.services.create("example.com", "Example")).name == "Example"
        with pytest.raises(VerigatorConnectionError):
            await sandbox.async_api(max_retries=0).services.get("x")

    asyncio.run(main())


def test_two_know_nothing_of_each_other() -> None:
    with Sandbox() as one, Sandbox() as other:
        service = one.api().services.create("example.com", "Example")
        with pytest.raises(NoSuchResourceError):
            other.api().services.get(service.id)


def test_starting_and_stopping_leaves_nothing() -> None:
    # In a process of its own, where nothing else comes and goes.
    programs.run(
        """
        import os, time
        from verigator.testing import Sandbox
        def held():
            return len(os.listdir("/proc/self/fd")), len(os.listdir("/proc/self/task"))
        # The first makes what the process keeps.
        Sandbox().stop()
        while len(os.listdir("/proc/self/task")) > 1:
            time.sleep(0.01)
        before = held()
        for n in range(20):
            sandbox = Sandbox()
            if n % 2:
                sandbox.stop()
            del sandbox
        # Threads that it lent for a moment end by themselves.
        until = time.monotonic() + 10
        while held() != before:
            assert time.monotonic() < until, (held(), before)
            time.sleep(0.01)
        """
    )


def test_clients_take_further_options(verigator_sandbox: Sandbox) -> None:
    assert isinstance(verigator_sandbox.api(timeout=1), Api)
    assert isinstance(verigator_sandbox.async_api(max_retries=0), AsyncApi)
    with pytest.raises(TypeError):
        verigator_sandbox.api(nonsense=1)  # type: ignore[call-arg]
    assert "ot•••" in repr(verigator_sandbox.api(username="other"))


def test_messages(verigator_sandbox: Sandbox, user: User) -> None:
    sandbox = verigator_sandbox
    assert sandbox.messages == []
    assert sandbox.last_pin(TO) is None
    user.authenticate_using_sms()
    message = sandbox.wait_for_message("00372 5555-5555")
    assert sandbox.messages == [message]
    assert message.to == TO
    assert message.pin in message.text
    assert message.pin == sandbox.last_pin(TO)
    assert "Example" in message.text
    assert abs(message.sent_at - datetime.now(timezone.utc)) < timedelta(seconds=30)
    sandbox.advance(3600)
    user.authenticate_using_sms()
    second = sandbox.messages[1]
    assert second.sent_at - message.sent_at >= timedelta(hours=1)
    assert sandbox.last_pin(TO) == second.pin
    assert sandbox.wait_for_message(TO) == second
    to, text, pin, sent_at = second
    assert Message(to, text, pin, sent_at) == second


def test_waiting_for_a_message(verigator_sandbox: Sandbox, user: User) -> None:
    later = threading.Timer(0.2, user.authenticate_using_sms)
    later.start()
    assert verigator_sandbox.wait_for_message(TO).to == TO
    later.join()
    start = time.monotonic()
    with pytest.raises(TimeoutError, match=r"no message came within 0\.2 seconds"):
        verigator_sandbox.wait_for_message("+3725550000", timeout=0.2)
    assert 0.2 <= time.monotonic() - start < 2
    with pytest.raises(InvalidArgumentError):
        verigator_sandbox.wait_for_message(TO, timeout=-1)


def test_awaiting_a_message(verigator_sandbox: Sandbox, user: User) -> None:
    async def main() -> None:
        turns = 0

        async def turn() -> None:
            nonlocal turns
            while True:
                await asyncio.sleep(0.01)
                turns += 1

        turning = asyncio.create_task(turn())
        arriving = asyncio.create_task(verigator_sandbox.wait_for_message_async(TO))
        await asyncio.sleep(0.1)
        await asyncio.to_thread(user.authenticate_using_sms)
        assert (await arriving).to == TO
        with pytest.raises(TimeoutError):
            await verigator_sandbox.wait_for_message_async("+3725550000", timeout=0.1)
        turning.cancel()
        assert turns > 5

    asyncio.run(main())


def test_faults(verigator_sandbox: Sandbox, user: User) -> None:
    sandbox = verigator_sandbox
    api = sandbox.api(max_retries=0)

    sandbox.fail_next(status=503)
    with pytest.raises(InternalError) as caught:
        user.authenticate_using_sms()
    assert caught.value.code == 503
    assert sandbox.messages == []

    sandbox.fail_next(drop="after_request")
    with pytest.raises(VerigatorConnectionError) as dropped:
        user.authenticate_using_sms()
    assert dropped.value.outcome == "unknown"
    assert sandbox.messages == []

    sandbox.fail_next(drop="before_answer")
    with pytest.raises(VerigatorConnectionError):
        user.authenticate_using_sms()
    assert len(sandbox.messages) == 1

    sandbox.fail_next(delay=2.0)
    with pytest.raises(VerigatorTimeoutError):
        api.services.get("x", timeout=0.1)

    sandbox.fail_next(status=500, count=2, operation="services.get")
    with pytest.raises(ResourceAlreadyExistsError):
        user.authenticate_using_sms()
    for error in (InternalError, InternalError, NoSuchResourceError):
        with pytest.raises(error):
            api.services.get("x")


def test_retries_get_past_faults(verigator_sandbox: Sandbox) -> None:
    verigator_sandbox.fail_next(status=503, count=2)
    service = verigator_sandbox.api().services.create("example.com", "Example")
    assert isinstance(service, Service)


@pytest.mark.parametrize(
    "fault",
    [
        {},
        {"status": 200},
        {"status": 600},
        {"status": -1},
        {"status": 503, "drop": "before_answer"},
        {"drop": "sometimes"},
        {"delay": -1.0},
        {"delay": float("nan")},
        {"status": 503, "count": 0},
        {"status": 503, "count": -1},
        {"status": 503, "operation": "services.nothing"},
    ],
)
def test_faults_that_are_none(verigator_sandbox: Sandbox, fault: dict[str, Any]) -> None:
    with pytest.raises(InvalidArgumentError):
        verigator_sandbox.fail_next(**fault)


def test_time_goes_forward_only(verigator_sandbox: Sandbox) -> None:
    for seconds in (-1, float("nan"), float("inf")):
        with pytest.raises(InvalidArgumentError):
            verigator_sandbox.advance(seconds)


def test_codes(verigator_sandbox: Sandbox, user: User) -> None:
    secret = verigator_sandbox.api().totp.enrol(user._service_id, user.id).secret
    code = verigator_sandbox.totp_code(secret)
    assert len(code) == 6
    assert code.isdigit()
    codes = set()
    for _ in range(5):
        verigator_sandbox.advance(30)
        codes.add(verigator_sandbox.totp_code(secret))
    assert len(codes) > 1
    with pytest.raises(InvalidArgumentError):
        verigator_sandbox.totp_code("no secret!")


def test_the_fixture_is_registered_for_everybody(tmp_path: Path) -> None:
    (tmp_path / "test_theirs.py").write_text(
        "def test_theirs(verigator_sandbox):\n"
        "    api = verigator_sandbox.api()\n"
        "    assert api.services.create('example.com', 'Example').name == 'Example'\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "."],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 passed" in done.stdout
