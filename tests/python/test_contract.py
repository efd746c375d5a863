"""Every case of the contract, through the blocking and the awaitable client."""

from __future__ import annotations

import asyncio
import os
import traceback
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, NamedTuple

import pytest

import verigator
from calls import method
from peer import Peer, cases
from verigator import Api, AsyncApi, Enrolment, Service, User, Verification, VerificationStatus

CASES = cases()

# Of an error, compared in every case.
FIELDS = (
    "code",
    "error_code",
    "operation",
    "attempts",
    "outcome",
    "safe_to_retry",
    "retry_after",
)


# Most calls wait for an attempt or a timeout, so many are made at the same time.
AT_ONCE = 16


class Ended(NamedTuple):
    """How a case ended, for the caller and for the peer."""

    outcome: Any
    verdict: dict[str, Any]


def perform_waiting(calls: list[dict[str, Any]], options: dict[str, Any]) -> Any:
    with Api(**options) as api:
        replies = [perform(api, call) for call in calls]
    return replies[-1]


def perform_awaiting(calls: list[dict[str, Any]], options: dict[str, Any]) -> Any:
    async def main() -> Any:
        async with AsyncApi(**options) as api:
            replies = [await perform(api, call) for call in calls]
        return replies[-1]

    return asyncio.run(main())


def perform(api: Api | AsyncApi, call: dict[str, Any]) -> Any:
    return method(api, call["operation"])(**call["arguments"], **call.get("options", {}))


PERFORM = {"api": perform_waiting, "async": perform_awaiting}


def client_options(case: dict[str, Any], endpoint: str) -> dict[str, Any]:
    given: dict[str, Any] = case.get("client", {})
    return {"username": "user", "password": "pass", "endpoint": endpoint, **given}


def run(case: dict[str, Any], client: str, peer: Peer) -> Ended:
    name = f"{case['name']}~{os.urandom(6).hex()}"
    endpoint = peer.closed_url if case.get("endpoint") == "closed" else f"{peer.url}/{name}"
    calls = [*(before["call"] for before in case.get("before", [])), case["call"]]
    try:
        outcome = PERFORM[client](calls, client_options(case, endpoint))
    except verigator.VerigatorError as error:
        outcome = error
    return Ended(outcome, peer.verdict(name))


@pytest.fixture(scope="session")
def ended(request: pytest.FixtureRequest, peer: Peer) -> dict[tuple[str, str], Future[Ended]]:
    """How each case that was chosen to be tested ends."""
    ended = {}
    with ThreadPoolExecutor(AT_ONCE) as threads:
        for item in request.session.items:
            if isinstance(item, pytest.Function) and item.function is test_case:
                case: Any = item.callspec.params["case"]
                client: Any = item.callspec.params["client"]
                ended[case["name"], client] = threads.submit(run, case, client, peer)
    return ended


@pytest.mark.parametrize("client", PERFORM)
@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_case(
    case: dict[str, Any], client: str, ended: dict[tuple[str, str], Future[Ended]]
) -> None:
    outcome, verdict = ended[case["name"], client].result()
    ((kind, expected),) = case["result"].items()
    if isinstance(outcome, verigator.VerigatorError):
        assert kind == "error", traceback.format_exception(outcome)
        assert_error(outcome, expected, secrets(case))
    else:
        assert_result(outcome, kind, expected)
    assert verdict["ok"], verdict["why"]


def secrets(case: dict[str, Any]) -> list[str]:
    options = client_options(case, "")
    token = case["call"]["arguments"].get("token")
    shown = [f"{options['username']}:{options['password']}"]
    return [*shown, token] if token else shown


def assert_error(
    error: verigator.VerigatorError, expected: dict[str, Any], secrets: list[str]
) -> None:
    assert type(error) is getattr(verigator, expected["class"])
    for field in FIELDS:
        assert getattr(error, field) == expected.get(field), field
    for field in ("message", "request_id"):
        if field in expected:
            assert getattr(error, field) == expected[field], field
    assert str(error) == error.message != ""
    shown = "".join(traceback.format_exception(error)) + repr(error) + repr(vars(error))
    assert not [secret for secret in secrets if secret in shown]


def assert_result(outcome: Any, kind: str, expected: Any) -> None:
    match kind:
        case "service":
            assert outcome == Service(**expected)
        case "user":
            assert outcome == User(**expected)
        case "users":
            assert outcome == [User(**user) for user in expected]
        case "verification":
            status = expected["status"]
            assert outcome == Verification(
                expected["verified"],
                expected["method"],
                None if status is None else VerificationStatus(**status),
            )
        case "enrolment":
            assert outcome == Enrolment(**expected)
        case "method" | "verified" | "confirmed":
            assert type(outcome) is type(expected)
            assert outcome == expected
        case "none":
            # What the first client returned, and what its tests ask for.
            assert outcome is True
        case _:
            pytest.fail(f"{kind} was expected, {outcome!r} came")


def test_there_are_cases() -> None:
    assert len(CASES) > 100
    assert len({case["name"] for case in CASES}) == len(CASES)
