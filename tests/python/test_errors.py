"""The exceptions: which there are, what they carry, and that they survive being pickled."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest

import verigator
from verigator import VerigatorError, _core, _errors
from verigator.testing import Sandbox

KINDS = _core.error_kinds()
CLASSES = sorted({cls for _, cls in KINDS} | {"TransportError"})

EXPECTED = {
    "invalid_data": "InvalidDataError",
    "wrong_credentials": "WrongCredentialsError",
    "resource_forbidden": "ResourceForbiddenError",
    "no_such_resource": "NoSuchResourceError",
    "resource_already_exists": "ResourceAlreadyExistsError",
    "rate_limited": "RateLimitError",
    "internal": "InternalError",
    "unexpected_status": "VerigatorError",
    "invalid_response": "InvalidResponseError",
    "connection": "VerigatorConnectionError",
    "timeout": "VerigatorTimeoutError",
    "not_verified": "NotVerifiedError",
    "invalid_argument": "InvalidArgumentError",
    "configuration": "ConfigurationError",
    "client_closed": "ClientClosedError",
    "bug": "VerigatorError",
}

BUILTINS: dict[str, type[Exception]] = {
    "VerigatorConnectionError": ConnectionError,
    "VerigatorTimeoutError": TimeoutError,
    "InvalidArgumentError": ValueError,
    "ConfigurationError": ValueError,
    "ClientClosedError": RuntimeError,
}

FIELDS: dict[str, Any] = {
    "error_code": "some_word",
    "operation": "auth.initiate",
    "attempts": 3,
    "retry_after": 1.5,
    "request_id": "r-1",
    "outcome": "unknown",
    "safe_to_retry": True,
}


class DerivedError(VerigatorError):
    """What somebody may derive."""

    def __init__(self) -> None:
        super().__init__(7, "mine", attempts=2)


def test_every_kind_has_its_class() -> None:
    assert dict(KINDS) == EXPECTED


def test_every_class_is_exported_and_of_a_kind() -> None:
    defined = {
        name
        for name, value in vars(_errors).items()
        if isinstance(value, type) and issubclass(value, Exception)
    }
    assert defined == set(CLASSES)
    assert defined <= set(verigator.__all__)


@pytest.mark.parametrize("name", CLASSES)
def test_a_class(name: str) -> None:
    cls = getattr(verigator, name)
    error = cls(409, "what happened", **FIELDS)
    assert isinstance(error, VerigatorError)
    assert str(error) == error.message == "what happened"
    assert error.args == ("what happened",)
    assert repr(error) == f"{name}(409, 'what happened')"
    assert error.code == 409
    for field, value in FIELDS.items():
        assert getattr(error, field) == value
    found = {builtin for builtin in set(BUILTINS.values()) if issubclass(cls, builtin)}
    assert found == ({BUILTINS[name]} if name in BUILTINS else set())
    assert issubclass(cls, verigator.TransportError) == (
        name in ("TransportError", "VerigatorConnectionError", "VerigatorTimeoutError")
    )


@pytest.mark.parametrize("name", CLASSES)
def test_two_arguments_are_enough(name: str) -> None:
    error = getattr(verigator, name)(0, "")
    assert (error.code, error.message) == (0, "")
    assert (error.error_code, error.operation, error.retry_after) == (None, None, None)
    assert (error.attempts, error.outcome, error.safe_to_retry) == (0, "not_sent", False)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("name", CLASSES)
def test_pickling(name: str, protocol: int) -> None:
    error = getattr(verigator, name)(409, "what happened", **FIELDS)
    assert_same(error, pickle.loads(pickle.dumps(error, protocol)))


@pytest.mark.parametrize("name", CLASSES)
def test_copying(name: str) -> None:
    error = getattr(verigator, name)(409, "what happened", **FIELDS)
    assert_same(error, copy.copy(error))
    assert_same(error, copy.deepcopy(error))


def test_a_derived_class_pickles() -> None:
    error = DerivedError()
    error.operation = "auth.verify"
    assert_same(error, pickle.loads(pickle.dumps(error)))


def assert_same(error: VerigatorError, other: Any) -> None:
    assert other is not error
    assert type(other) is type(error)
    assert vars(other) == vars(error)
    assert other.args == error.args
    assert str(other) == str(error)


def test_a_raised_error_pickles(sandbox: Sandbox) -> None:
    with pytest.raises(verigator.NoSuchResourceError) as caught:
        sandbox.api().services.get("none")
    error = caught.value
    assert error.code == 404
    assert error.operation == "services.get"
    assert error.request_id
    assert_same(error, pickle.loads(pickle.dumps(error)))


def test_the_cause_of_a_broken_connection_is_told(peer: Any) -> None:
    api = verigator.Api("user", "pass", peer.closed_url, max_retries=0)
    with pytest.raises(ConnectionError) as caught:
        api.services.get("x")
    error = caught.value
    assert isinstance(error, verigator.VerigatorConnectionError)
    assert (error.code, error.attempts, error.outcome) == (0, 1, "not_sent")
    assert error.safe_to_retry
    assert "refused" in str(error.__cause__)


def test_builtin_handlers_catch(silent_url: str) -> None:
    api = verigator.Api("user", "pass", silent_url, max_retries=0)
    with pytest.raises(TimeoutError):
        api.services.get("x", timeout=0.1)
    with pytest.raises(ValueError, match="id"):
        api.services.get("")
    api.close()
    with pytest.raises(RuntimeError, match="closed"):
        api.services.get("x")
