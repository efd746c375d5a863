"""What is refused before anything is sent, and ids that look like something else."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest

from calls import OPERATIONS, call, wire_name
from verigator import (
    Api,
    AsyncApi,
    ConfigurationError,
    InvalidArgumentError,
    NoSuchResourceError,
    Verigator,
)
from verigator.testing import Sandbox

# Nobody listens here: what reaches it fails otherwise.
NOWHERE = "http://127.0.0.1:1"

ARGUMENTS = [(operation, name) for operation, names in OPERATIONS.items() for name in names]
NO_DURATIONS: list[Any] = ["1", [], object(), -1, float("nan"), float("inf"), 10**400]
NO_COUNTS: list[Any] = ["1", 1.5, [], -1, 2**32, 10**30]
CLIENTS = pytest.mark.parametrize("cls", [Api, AsyncApi], ids=["api", "async"])


@CLIENTS
@pytest.mark.parametrize(("operation", "name"), ARGUMENTS)
@pytest.mark.parametrize("value", [123456, b"bytes", ["x"], True], ids=repr)
def test_arguments_of_the_wrong_type(
    cls: type[Api | AsyncApi], operation: str, name: str, value: Any
) -> None:
    arguments = {**OPERATIONS[operation], name: value}
    with pytest.raises(InvalidArgumentError) as caught:
        call(cls("u", "p", NOWHERE), operation, **arguments)
    error = caught.value
    assert str(error) == f"{name} must be a str, not {type(value).__name__}"
    assert (error.code, error.attempts, error.outcome) == (0, 0, "not_sent")
    assert error.error_code == "invalid_argument"
    assert error.operation == wire_name(operation)


@CLIENTS
@pytest.mark.parametrize(("operation", "name"), ARGUMENTS)
def test_none_is_for_methods_that_are_not_known(
    cls: type[Api | AsyncApi], operation: str, name: str
) -> None:
    arguments = {**OPERATIONS[operation], name: None}
    client = cls("u", "p", NOWHERE, max_retries=0)
    if name == "method" and operation != "auth.initiate":
        with pytest.raises(ConnectionError):
            call(client, operation, **arguments)
    else:
        with pytest.raises(InvalidArgumentError, match="not NoneType"):
            call(client, operation, **arguments)


@CLIENTS
@pytest.mark.parametrize(("operation", "name"), ARGUMENTS)
def test_text_that_is_no_unicode(cls: type[Api | AsyncApi], operation: str, name: str) -> None:
    arguments = {**OPERATIONS[operation], name: "\ud800"}
    with pytest.raises(InvalidArgumentError, match=f"{name} is not Unicode text"):
        call(cls("u", "p", NOWHERE), operation, **arguments)


@CLIENTS
@pytest.mark.parametrize(
    ("operation", "name"), [it for it in ARGUMENTS if it[1] in ("id", "service_id", "user_id")]
)
@pytest.mark.parametrize("value", ["", ".", ".."])
def test_what_is_no_id(cls: type[Api | AsyncApi], operation: str, name: str, value: str) -> None:
    with pytest.raises(InvalidArgumentError):
        call(cls("u", "p", NOWHERE), operation, **{**OPERATIONS[operation], name: value})


@CLIENTS
@pytest.mark.parametrize(
    "value", ["../x", "a/b", "%2e%2e", "%2E%2E/", "?x=1", "#x", "ü", "a b", "x;y", "\x00", "😀"]
)
def test_an_id_is_one_segment_whatever_is_in_it(
    cls: type[Api | AsyncApi], value: str, sandbox: Sandbox
) -> None:
    # Were it taken apart, the answer would be another than "no such service".
    client = cls(sandbox.username, sandbox.password, sandbox.url)
    for operation, arguments in (
        ("services.get", {"id": value}),
        ("users.get", {"service_id": value, "id": "u-1"}),
        ("auth.initiate", {"service_id": value, "user_id": value, "method": "sms"}),
    ):
        with pytest.raises(NoSuchResourceError) as caught:
            call(client, operation, **arguments)
        assert caught.value.error_code == "service_not_found"


@CLIENTS
@pytest.mark.parametrize("operation", ["auth.initiate", "auth.verify", "auth.verify_detailed"])
@pytest.mark.parametrize("method", ["", "SMS", "email"])
def test_methods_that_cannot_be_asked_for(
    cls: type[Api | AsyncApi], operation: str, method: str
) -> None:
    with pytest.raises(InvalidArgumentError, match="method"):
        call(cls("u", "p", NOWHERE), operation, **{**OPERATIONS[operation], "method": method})


@CLIENTS
@pytest.mark.parametrize(
    ("option", "value"),
    [
        *itertools.product(("timeout", "deadline"), NO_DURATIONS),
        *itertools.product(("max_retries",), NO_COUNTS),
    ],
)
def test_options_of_a_call(cls: type[Api | AsyncApi], option: str, value: Any) -> None:
    with pytest.raises(InvalidArgumentError, match=option):
        call(cls("u", "p", NOWHERE), "services.get", id="s-1", **{option: value})


@pytest.mark.parametrize("cls", [Api, AsyncApi, Verigator])
@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("username", 1),
        ("username", "with:colon"),
        ("username", ""),
        ("password", b"p"),
        ("endpoint", 1),
        ("endpoint", "verigator.example.com"),
        ("endpoint", "http://verigator.example.com"),
        ("timeout", "1"),
        ("timeout", 0),
        ("timeout", -1),
        ("connect_timeout", None.__class__),
        ("deadline", "soon"),
        ("max_retries", 1.5),
        ("max_retries", -1),
        ("idempotency", True),
        ("idempotency", "sometimes"),
        ("pool_idle_timeout", "1"),
        ("proxy", 1),
        ("proxy", "nonsense"),
        ("ca_bundle", 1),
        ("ca_bundle", b"not a certificate"),
        ("ca_bundle", Path("/nowhere/at/all.pem")),
        ("app_info", 1),
        ("app_info", "line\nbreak"),
        ("allow_insecure_http", "yes"),
    ],
)
def test_options_of_a_client(cls: type[Any], option: str, value: Any) -> None:
    options = {"username": "u", "password": "p", "endpoint": NOWHERE, option: value}
    with pytest.raises(ConfigurationError) as caught:
        cls(**options)
    error = caught.value
    named = option.removeprefix("allow_") if option == "endpoint" else option
    assert named in str(error)
    assert error.error_code == "configuration"
    assert (error.code, error.operation, error.outcome) == (0, None, "not_sent")


def test_credentials_are_required() -> None:
    for missing in ("username", "password"):
        options: dict[str, Any] = {"username": "u", "password": "p", missing: None}
        with pytest.raises(ConfigurationError, match=f"VERIGATOR_{missing.upper()}"):
            Api(**options)


@CLIENTS
def test_use_after_close(cls: type[Api | AsyncApi]) -> None:
    client = cls("u", "p", NOWHERE)
    assert not client.closed
    client.close()
    client.close()
    assert client.closed
    for operation, arguments in OPERATIONS.items():
        with pytest.raises(RuntimeError, match="closed"):
            call(client, operation, **arguments)
