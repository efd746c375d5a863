"""No secret is shown: not by repr and str, not in logs, errors, pickles, nor in a traceback that
shows the library's local variables."""

from __future__ import annotations

import asyncio
import logging
import pickle
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

import pytest

import verigator
from verigator import Api, AsyncApi, Verigator, _core
from verigator.testing import Sandbox

PASSWORD = "pass-word-93b1"
TOKEN = "81273645"
NUMBER = "+3725551234567"
PROXY = "proxy-pass-77c2"
LIBRARY = str(Path(verigator.__file__).parent)
SECRETS = (PASSWORD, TOKEN, NUMBER, PROXY)

CALLS: list[Callable[[Any], Any]] = [
    lambda api: api.services.get("s"),
    lambda api: api.users.create("s", NUMBER, "john.doe@example.com"),
    lambda api: api.auth.verify("s", "u", TOKEN),
    lambda api: api.auth.verify_detailed("s", "u", TOKEN, method="sms"),
    lambda api: api.auth.verify_or_raise("s", "u", TOKEN),
    lambda api: api.totp.confirm("s", "u", TOKEN),
    # Refused before it is sent, for its type and its value.
    lambda api: api.auth.verify("s", "u", int(TOKEN)),
    lambda api: api.auth.verify("", "u", TOKEN),
    lambda api: api.users.create("", NUMBER, "john.doe@example.com"),
    lambda api: api.auth.verify("s", "u", TOKEN, timeout=-1),
]


def assert_hidden(*shown: object) -> None:
    for text in shown:
        found = [secret for secret in SECRETS if secret in str(text)]
        assert found == [], text


def library_frames(error: BaseException) -> Iterator[str]:
    """The library's own frames with their local variables."""
    trace: TracebackType | None = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename.startswith(LIBRARY):
            yield repr(trace.tb_frame.f_locals)
        trace = trace.tb_next


def assert_error_hides(error: BaseException) -> None:
    frames = list(library_frames(error))
    assert frames
    assert_hidden(*frames, str(error), repr(error), vars(error))
    assert_hidden(pickle.dumps(error), "".join(traceback.format_exception(error)))


@pytest.fixture(params=["refused", "nowhere", "silent", "broken"])
def endpoint(request: pytest.FixtureRequest, sandbox: Sandbox, silent_url: str) -> str:
    """Where a call fails: for its password, its connection, its time."""
    return {
        "refused": sandbox.url,
        "nowhere": "http://127.0.0.1:1",
        "silent": silent_url,
        "broken": sandbox.url + "/nothing/here",
    }[str(request.param)]


@pytest.mark.parametrize("cls", [Api, AsyncApi], ids=["api", "async"])
@pytest.mark.parametrize("call", CALLS)
def test_calls(
    cls: type[Any],
    call: Callable[[Any], Any],
    endpoint: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    api = cls("john_doe", PASSWORD, endpoint, max_retries=0, timeout=0.05)
    run = asyncio.run if cls is AsyncApi else lambda reply: reply
    with pytest.raises(verigator.VerigatorError) as caught:
        run(call(api))
    assert_error_hides(caught.value)
    assert_hidden(repr(api), repr(vars(api)), caplog.text, *(it.args for it in caplog.records))
    assert "john_doe" not in repr(api)


@pytest.mark.parametrize("cls", [Api, AsyncApi, Verigator])
@pytest.mark.parametrize(
    "wrong",
    [
        {"timeout": -1},
        {"endpoint": f"https://user:{PASSWORD}@verigator.test"},
        {"proxy": f"nonsense://user:{PROXY}@verigator.test"},
        {"proxy": f"user:{PROXY}"},
        {"username": "with:colon"},
        {"ca_bundle": b"nothing"},
    ],
)
def test_options(cls: type[Any], wrong: dict[str, Any]) -> None:
    options = {"username": "john_doe", "password": PASSWORD, **wrong}
    with pytest.raises(verigator.ConfigurationError) as caught:
        cls(**options)
    assert_error_hides(caught.value)


def test_proxies() -> None:
    proxy = f"http://user:{PROXY}@127.0.0.1:1"
    api = Api("john_doe", PASSWORD, "https://verigator.test", proxy=proxy, max_retries=0)
    with pytest.raises(verigator.VerigatorError) as caught:
        api.services.get("x")
    assert_error_hides(caught.value)
    assert_hidden(repr(api))


def test_the_native_objects() -> None:
    config = _core.Config(
        "john_doe", PASSWORD, None, None, None, None, None, None, None, None, None, None, False
    )
    calls = [
        _core.auth_verify("s", "u", TOKEN, None),
        _core.users_create("s", NUMBER, "john_doe"),
        _core.auth_verify("s", "u", int(TOKEN), None),  # type: ignore[arg-type]
    ]
    assert_hidden(repr(config), *map(repr, calls))
    assert repr(calls[0]) == "<verigator._core.Call auth.verify>"
    assert "john_doe" not in repr(config)


def test_models_and_messages(verigator_sandbox: Sandbox) -> None:
    sandbox = verigator_sandbox
    api = sandbox.api()
    service = api.services.create("example.com", "Example")
    user = api.users.create(service.id, NUMBER, "john.doe@example.com")
    user.authenticate_using_sms()
    message = sandbox.wait_for_message(NUMBER)
    enrolment = api.totp.enrol(service.id, user.id)
    shown = f"{service!r} {user!r} {message!r} {sandbox.messages!r} {enrolment!r} {sandbox!r}"
    assert_hidden(shown, pickle.dumps(user))
    for secret in (message.pin, enrolment.secret, "john.doe", sandbox.password * 2):
        assert secret not in shown
    refused = api.auth.verify_detailed(service.id, user.id, TOKEN)
    assert_hidden(repr(refused), pickle.dumps(refused))
