"""Every case of the contract, through the blocking and the awaitable client."""

from __future__ import annotations

import asyncio
import os
import traceback
from typing import Any

import pytest

import verigator
from peer import Peer, cases
from verigator import Api, AsyncApi, Enrolment, Service, User, Verification, VerificationStatus

CASES = cases()

# The operations whose word in the contract is not "resource.method".
FIELDS = (
    "code",
    "error_code",
    "operation",
    "attempts",
    "outcome",
    "safe_to_retry",
    "retry_after",
)


def perform_waiting(calls: list[dict[str, Any]], options: dict[str, Any]) -> Any:
    with Api(**options) as api:
        replies = [method(api, call)(**arguments(call)) for call in calls]
    return replies[-1]


def perform_awaiting(calls: list[dict[str, Any]], options: dict[str, Any]) -> Any:
    async def main() -> Any:
        async with AsyncApi(**options) as api:
            replies = [await method(api, call)(**arguments(call)) for call in calls]
        return replies[-1]

    return asyncio.run(main())


def method(api: Api | AsyncApi, call: dict[str, Any]) -> Any:
    resource, name = call["operation"].split(".")
    return getattr(getattr(api, resource), name)


def arguments(call: dict[str, Any]) -> dict[str, Any]:
    return {**call["arguments"], **call.get("options", {})}


@pytest.mark.parametrize("perform", [perform_waiting, perform_awaiting], ids=["api", "async"])
@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_case(case: dict[str, Any], perform: Any, peer: Peer) -> None:
    run = f"{case['name']}~{os.urandom(6).hex()}"
    endpoint = peer.closed_url if case.get("endpoint") == "closed" else f"{peer.url}/{run}"
    options = {"username": "user", "password": "pass", "endpoint": endpoint}
    options |= case.get("client", {})
    calls = [*(before["call"] for before in case.get("before", [])), case["call"]]

    try:
        outcome = perform(calls, options)
    except verigator.VerigatorError as error:
        outcome = error

    verdict = peer.verdict(run)
    ((kind, expected),) = case["result"].items()
    if isinstance(outcome, verigator.VerigatorError):
        assert kind == "error", traceback.format_exception(outcome)
        assert_error(outcome, expected, secrets(case, options))
    else:
        assert_result(outcome, kind, expected)
    assert verdict["ok"], verdict["why"]


def secrets(case: dict[str, Any], options: dict[str, Any]) -> list[str]:
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
