"""The values that calls return."""

from __future__ import annotations

import copy
import pickle
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from verigator import (
    Api,
    AsyncApi,
    ConfigurationError,
    Enrolment,
    InvalidArgumentError,
    Service,
    User,
    Verification,
    VerificationStatus,
    Verigator,
)
from verigator.testing import Sandbox

TIME = "2017-09-15T06:44:15.274438"
SERVICE = Service("s-1", TIME, "Example")
USER = User("u-1", TIME, "john.doe@example.com")
STATUS = VerificationStatus(throttled=True, result="THROTTLED")
REFUSED = Verification(False, "sms", STATUS)
ENROLMENT = Enrolment("otpauth://totp/x?secret=JBSWY3DP", "JBSWY3DP", "data:image/svg+xml,x")
MODELS = [SERVICE, USER, STATUS, REFUSED, Verification(True), ENROLMENT]
IDS = [type(model).__name__ for model in MODELS]


@pytest.mark.parametrize("model", MODELS, ids=IDS)
def test_values(model: Any) -> None:
    fields = [getattr(model, name) for name in model.__match_args__]
    twin = type(model)(*fields)
    assert twin == model
    assert hash(twin) == hash(model)
    assert {twin, model} == {model}
    assert type(model)(**dict(zip(model.__match_args__, fields, strict=True))) == model
    assert model != tuple(fields)
    assert [other for other in MODELS if other == model] == [model]


@pytest.mark.parametrize("model", MODELS, ids=IDS)
def test_a_field_that_differs_makes_another_value(model: Any) -> None:
    fields = [getattr(model, name) for name in model.__match_args__]
    for place, field in enumerate(fields):
        changed = list(fields)
        changed[place] = not field if isinstance(field, bool) else f"other {field}"
        assert type(model)(*changed) != model


@pytest.mark.parametrize("model", MODELS, ids=IDS)
def test_frozen(model: Any) -> None:
    for name in (*model.__match_args__, "something"):
        with pytest.raises(AttributeError):
            setattr(model, name, "x")


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("model", MODELS, ids=IDS)
def test_pickling(model: Any, protocol: int) -> None:
    other = pickle.loads(pickle.dumps(model, protocol))
    assert type(other) is type(model)
    assert other == model


@pytest.mark.parametrize("model", MODELS, ids=IDS)
def test_copying(model: Any) -> None:
    assert copy.copy(model) == copy.deepcopy(model) == model


def test_repr() -> None:
    assert repr(SERVICE) == f"Service(id='s-1', creation_time='{TIME}', name='Example')"
    assert repr(USER) == f"User(id='u-1', creation_time='{TIME}', username='jo•••')"
    assert repr(ENROLMENT) == "Enrolment([redacted])"
    assert repr(REFUSED) == (
        "Verification(verified=False, method='sms', status=VerificationStatus(throttled=True, "
        "expired=False, invalid=False, result='THROTTLED'))"
    )


def test_matching() -> None:
    match SERVICE:
        case Service(id, _, name):
            assert (id, name) == ("s-1", "Example")


def test_a_verification_is_true_only_when_verified() -> None:
    assert Verification(True)
    assert Verification(True).is_verified()
    assert Verification(True).isVerified()
    assert not REFUSED
    assert not REFUSED.is_verified()


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2017-09-15T06:44:15.274438", (15, 274438)),
        ("2017-09-15T06:44:15.274438Z", (15, 274438)),
        ("2017-09-15T06:44:15.274", (15, 274000)),
        ("2017-09-15T06:44:15.27443812", (15, 274438)),
        ("2017-09-15T06:44:15Z", (15, 0)),
        ("2017-09-15T06:44:15", (15, 0)),
        ("2017-09-15T08:44:15.274438+02:00", (15, 274438)),
        ("2017-09-15 06:44:15.2z", (15, 200000)),
    ],
)
def test_times(text: str, time: tuple[int, int]) -> None:
    expected = datetime(2017, 9, 15, 6, 44, *time, tzinfo=timezone.utc)
    for model in (Service("s", text, "n"), User("u", text, "n")):
        assert model.creation_time == text
        assert model.created_at == expected
        assert model.created_at.utcoffset() == timedelta()


@pytest.mark.parametrize("text", ["", "yesterday", "2017-13-01T00:00:00", ".", "1505457855"])
def test_what_is_no_time(text: str) -> None:
    assert Service("s", text, "n").created_at is None


# The calls of a service and a user, with what they need.
CALLS: list[tuple[Any, str, tuple[str, ...]]] = [
    (SERVICE, "register_user", ("someone", "+3725555555")),
    (SERVICE, "get_user", ("u-1",)),
    (SERVICE, "get_users", ()),
    (SERVICE, "delete", ()),
    (USER, "authenticate_using_sms", ()),
    (USER, "authenticate_using_totp", ()),
    (USER, "verify_pin", ("123456",)),
    (USER, "delete", ()),
]


@pytest.mark.parametrize(("model", "call", "arguments"), CALLS, ids=[it[1] for it in CALLS])
def test_without_a_client_the_calls_say_what_to_do(
    model: Any, call: str, arguments: tuple[str, ...]
) -> None:
    with pytest.raises(ConfigurationError, match=r"has no client.*again with api\.") as caught:
        getattr(model, call)(*arguments)
    assert caught.value.outcome == "not_sent"


def test_the_client_is_no_part_of_the_value(sandbox: Sandbox, name: str, number: str) -> None:
    with sandbox.api() as api:
        bound = api.services.create(f"{name}.example.com", name)
        user = bound.register_user("someone", number)
        plain = pickle.loads(pickle.dumps(bound))
        assert plain == bound == Service(bound.id, bound.creation_time, bound.name)
        assert hash(plain) == hash(bound)
        assert repr(plain) == repr(bound)
        with pytest.raises(ConfigurationError):
            plain.get_users()
        with pytest.raises(ConfigurationError):
            pickle.loads(pickle.dumps(user)).authenticate_using_sms()
        # A copy in the same process keeps it.
        assert copy.deepcopy(bound).get_users() == [user]
        assert copy.copy(user).authenticate_using_sms() == "sms"
    with pytest.raises(RuntimeError, match="closed"):
        bound.get_users()


def test_a_service_comes_from_a_blocking_client(sandbox: Sandbox) -> None:
    for other in (sandbox.async_api(), None, "username"):
        with pytest.raises(InvalidArgumentError, match="must be a Verigator or an Api"):
            Service.get(other, "s-1")  # type: ignore[arg-type]


@pytest.mark.parametrize("cls", [Api, AsyncApi, Verigator])
def test_clients_are_not_pickled_or_copied(cls: Any) -> None:
    client = cls("john_doe", "secret-word", "http://127.0.0.1:1")
    for attempt in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match=f"{cls.__name__} holds a password"):
            attempt(client)
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        with pytest.raises(TypeError):
            pickle.dumps(client, protocol)
    assert repr(client) == (f"{cls.__name__}(username='jo•••', endpoint='http://127.0.0.1:1')")
