"""The `verigator` logger: one line for a call, on the thread that made it."""

from __future__ import annotations

import asyncio
import logging
import re
import threading

import pytest

from verigator import NoSuchResourceError, VerigatorTimeoutError
from verigator.testing import Sandbox

SUCCEEDED = r"^services\.create succeeded in \d+\.\d ms$"
FAILED = (
    r"^services\.get failed in \d+\.\d ms: NoSuchResourceError, code 404, attempts 1, "
    r"outcome rejected$"
)


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.DEBUG, logger="verigator")
    return caplog


def assert_lines(log: pytest.LogCaptureFixture, *patterns: str) -> None:
    # asyncio writes lines of its own.
    records = [record for record in log.records if record.name == "verigator"]
    assert len(records) == len(patterns)
    assert {record.levelname for record in records} == {"DEBUG"}
    assert {record.thread for record in records} == {threading.get_ident()}
    for record, pattern in zip(records, patterns, strict=True):
        assert re.match(pattern, record.getMessage())


def test_waiting(log: pytest.LogCaptureFixture, sandbox: Sandbox, name: str) -> None:
    api = sandbox.api()
    api.services.create(f"{name}.example.com", name)
    with pytest.raises(NoSuchResourceError):
        api.services.get("none")
    assert_lines(log, SUCCEEDED, FAILED)


def test_awaiting(log: pytest.LogCaptureFixture, sandbox: Sandbox, name: str) -> None:
    async def main() -> None:
        async with sandbox.async_api() as api:
            await api.services.create(f"{name}.example.com", name)
            with pytest.raises(NoSuchResourceError):
                await api.services.get("none")

    asyncio.run(main())
    assert_lines(log, SUCCEEDED, FAILED)


def test_retries_and_what_is_unknown(
    log: pytest.LogCaptureFixture, verigator_sandbox: Sandbox
) -> None:
    verigator_sandbox.fail_next(delay=5, count=9)
    api = verigator_sandbox.api(timeout=0.1, max_retries=1)
    with pytest.raises(VerigatorTimeoutError):
        api.services.get("x")
    assert_lines(log, r"^services\.get failed .* VerigatorTimeoutError, code 0, attempts 2, ")


def test_a_cancelled_call(log: pytest.LogCaptureFixture, silent_url: str) -> None:
    from verigator import AsyncApi

    async def main() -> None:
        api = AsyncApi("u", "p", silent_url)
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(api.services.get("x"), 0.05)

    asyncio.run(main())
    assert_lines(log, r"^services\.get was given up after \d+\.\d ms: CancelledError$")


def test_nothing_is_written_unless_asked_for(
    caplog: pytest.LogCaptureFixture, sandbox: Sandbox
) -> None:
    caplog.set_level(logging.INFO, logger="verigator")
    with pytest.raises(NoSuchResourceError):
        sandbox.api().services.get("none")
    assert caplog.records == []
