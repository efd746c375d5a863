"""A program that uses the whole interface, for a strict type checker and to be run. Every result
has its type written down, so that one that becomes Any is seen."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Literal

from typing_extensions import assert_type

import verigator
from messente.verigator import controllers, exceptions, models
from verigator import (
    Api,
    AsyncApi,
    ConfigurationError,
    Enrolment,
    NotVerifiedError,
    Service,
    User,
    Verification,
    VerificationStatus,
    Verigator,
    VerigatorConnectionError,
    VerigatorError,
    VerigatorTimeoutError,
)
from verigator.testing import Message, Sandbox

TO = "+37255555555"

Outcome = Literal["not_sent", "unknown", "rejected", "accepted"]


def clients(sandbox: Sandbox) -> Iterator[Api]:
    """Every option, in every form it takes."""
    yield Api(
        sandbox.username,
        sandbox.password,
        sandbox.url,
        timeout=10,
        connect_timeout=2.5,
        deadline=20,
        max_retries=1,
        idempotency="auto",
        pool_idle_timeout=4.0,
        proxy=None,
        ca_bundle=None,
        app_info="typed/1",
        allow_insecure_http=False,
    )
    for bundle in (Path("roots.pem"), "roots.pem", b"roots"):
        try:
            yield Api(endpoint=sandbox.url, ca_bundle=bundle)
        except ConfigurationError as error:
            assert_type(error.error_code, str | None)
    yield sandbox.api(timeout=5, max_retries=0)


def waiting(api: Api, sandbox: Sandbox) -> None:
    service = api.services.create("example.com", "Example", timeout=1, deadline=2.5, max_retries=0)
    assert_type(service, Service)
    assert_type(api.services.get(service.id), Service)
    assert_type(service.id + service.creation_time + service.name, str)
    assert_type(service.created_at, datetime | None)
    user = api.users.create(service.id, TO, "john.doe@example.com")
    assert_type(user, User)
    assert_type(user.id + user.creation_time + user.username, str)
    assert_type(user.created_at, datetime | None)
    assert_type(api.users.get(service.id, user.id), User)
    assert_type(api.users.get_all(service.id), list[User])

    assert_type(api.auth.initiate(service.id, user.id, api.auth.METHOD_SMS), str)
    message = sandbox.wait_for_message(TO, timeout=5)
    assert_type(message, Message)
    assert_type(message.to + message.text + message.pin, str)
    assert_type(message.sent_at, datetime)
    verification = api.auth.verify_detailed(service.id, user.id, "000000", method="sms")
    assert_type(verification, Verification)
    assert_type(verification.verified, bool)
    assert_type(verification.method, str | None)
    status = verification.status
    assert_type(status, VerificationStatus | None)
    if status is not None:
        assert_type(status.throttled or status.expired or status.invalid, bool)
        assert_type(status.result, str)
    assert_type(api.auth.verify(service.id, user.id, message.pin), bool)
    try:
        assert_type(api.auth.verify_or_raise(service.id, user.id, "1"), Verification)
    except NotVerifiedError as error:
        assert_type(error.attempts, int)
    except VerigatorError as error:
        assert_type(error.code, int)
        assert_type(error.retry_after, float | None)
        assert_type(error.safe_to_retry, bool)

    enrolment = api.totp.enrol(service.id, user.id)
    assert_type(enrolment, Enrolment)
    assert_type(enrolment.uri + enrolment.secret + enrolment.qr, str)
    code = sandbox.totp_code(enrolment.secret)
    assert_type(api.totp.confirm(service.id, user.id, code), bool)
    assert_type(api.totp.remove(service.id, user.id), bool)
    assert_type(api.users.delete(service.id, user.id), bool)
    assert_type(api.services.delete(service.id), bool)


def in_the_object_style(sandbox: Sandbox) -> None:
    with Verigator(sandbox.username, sandbox.password, endpoint=sandbox.url) as verigator:
        created = verigator.create_service("Other", "other.example.com")
        service = Service.get(verigator, created.id, timeout=5)
        assert_type(service, Service)
        assert_type(verigator.getService(service.id), Service)
        user = service.registerUser("jane.doe@example.com", "+37255555556")
        assert_type(user, User)
        assert_type(service.get_user(user.id), User)
        assert_type(service.getUsers(), list[User])
        assert_type(user.authenticate_using_sms(), str)
        sandbox.advance(31)
        assert_type(user.authenticateUsingTotp(), str)
        assert_type(user.verify_pin("000000"), Verification)
        assert_type(user.verifyPin("000000").isVerified(), bool)
        assert_type(user.delete(), bool)
        assert_type(service.delete(), bool)
        assert_type(verigator.closed, bool)


async def awaiting(sandbox: Sandbox) -> None:
    async with sandbox.async_api(deadline=10) as api:
        assert_type(api, AsyncApi)
        service = await api.services.create("third.example.com", "Third", max_retries=0)
        assert_type(service, Service)
        assert_type(await api.services.get(service.id), Service)
        user = await api.users.create(service.id, "+37255555557", "someone")
        assert_type(user, User)
        assert_type(await api.users.get(service.id, user.id), User)
        found, users = await asyncio.gather(
            api.services.get(service.id), api.users.get_all(service.id)
        )
        assert_type(found, Service)
        assert_type(users, list[User])
        assert_type(await api.auth.initiate(service.id, user.id, api.auth.METHOD_TOTP), str)
        message = await sandbox.wait_for_message_async("+37255555557")
        assert_type(message, Message)
        assert_type(await api.auth.verify(service.id, user.id, "000000", method="sms"), bool)
        assert_type(await api.auth.verify_detailed(service.id, user.id, "1"), Verification)
        assert_type(await api.auth.verify_or_raise(service.id, user.id, message.pin), Verification)
        enrolment = await api.totp.enrol(service.id, user.id)
        assert_type(enrolment, Enrolment)
        assert_type(await api.totp.confirm(service.id, user.id, "000000"), bool)
        assert_type(await api.totp.remove(service.id, user.id), bool)
        assert_type(await api.users.delete(service.id, user.id), bool)
        assert_type(await api.services.delete(service.id), bool)
        await api.aclose()
    api.close()


def faults(sandbox: Sandbox, api: Api) -> None:
    sandbox.fail_next(status=503, count=2, operation="services.get")
    sandbox.fail_next(drop="before_answer")
    sandbox.fail_next(delay=0.01)
    for _ in range(4):
        try:
            api.services.get("x")
        except (VerigatorConnectionError, VerigatorTimeoutError) as error:
            assert_type(error.outcome, Outcome)
        except exceptions.VerigatorError as error:
            assert_type(error.message, str)
    assert_type(sandbox.messages, list[Message])
    assert_type(sandbox.last_pin(TO), str | None)


def main() -> None:
    resources: list[type] = [controllers.Services, controllers.AsyncAuth, models.Service]
    with Sandbox() as sandbox:
        for api in clients(sandbox):
            with api:
                waiting(api, sandbox)
        in_the_object_style(sandbox)
        asyncio.run(awaiting(sandbox))
        faults(sandbox, sandbox.api(max_retries=0))
    sys.stdout.write(f"verigator {verigator.__version__}: {len(resources)} resources\n")


if __name__ == "__main__":
    main()
