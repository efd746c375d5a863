"""A user's way from the first text message to an authenticator, in each of the three styles."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from verigator import (
    NoSuchResourceError,
    NotVerifiedError,
    RateLimitError,
    ResourceAlreadyExistsError,
    Service,
    Verification,
    VerificationStatus,
    Verigator,
)
from verigator.testing import Sandbox

TO = "+37255555555"


def wrong(pin: str) -> str:
    return pin[:-1] + str((int(pin[-1]) + 1) % 10)


def test_blocking(verigator_sandbox: Sandbox) -> None:
    sandbox = verigator_sandbox
    with sandbox.api() as api:
        service = api.services.create("example.com", "Example")
        assert api.services.get(service.id) == service
        user = api.users.create(service.id, "+372 5555 5555", "john.doe@example.com")
        assert api.users.get(service.id, user.id) == user
        assert api.users.get_all(service.id) == [user]

        # By SMS.
        assert api.auth.initiate(service.id, user.id, api.auth.METHOD_SMS) == "sms"
        pin = sandbox.wait_for_message(TO).pin
        assert api.auth.verify(service.id, user.id, wrong(pin)) is False
        refused = api.auth.verify_detailed(service.id, user.id, wrong(pin), method="sms")
        assert refused == Verification(
            False, "sms", VerificationStatus(invalid=True, result="INVALID")
        )
        assert not refused
        with pytest.raises(NotVerifiedError) as caught:
            api.auth.verify_or_raise(service.id, user.id, wrong(pin))
        assert caught.value.outcome == "accepted"
        assert api.auth.verify_or_raise(service.id, user.id, pin) == Verification(True, "sms")
        with pytest.raises(NoSuchResourceError):
            api.auth.verify(service.id, user.id, pin)

        # By an authenticator.
        enrolment = api.totp.enrol(service.id, user.id)
        assert enrolment.secret in enrolment.uri
        assert enrolment.qr.startswith("data:image/svg+xml;base64,")
        code = sandbox.totp_code(enrolment.secret)
        assert api.totp.confirm(service.id, user.id, wrong(code)) is False
        assert api.totp.confirm(service.id, user.id, code) is True
        sandbox.advance(30)
        assert api.auth.initiate(service.id, user.id, api.auth.METHOD_TOTP) == "totp"
        code = sandbox.totp_code(enrolment.secret)
        assert api.auth.verify_detailed(service.id, user.id, code) == Verification(True, "totp")

        assert api.totp.remove(service.id, user.id)
        assert api.auth.initiate(service.id, user.id, api.auth.METHOD_TOTP) == "sms"
        assert api.users.delete(service.id, user.id)
        with pytest.raises(NoSuchResourceError):
            api.users.get(service.id, user.id)
        assert api.services.delete(service.id)
        with pytest.raises(NoSuchResourceError):
            api.services.get(service.id)


def test_awaiting(verigator_sandbox: Sandbox) -> None:
    sandbox = verigator_sandbox

    async def main() -> None:
        async with sandbox.async_api() as api:
            service = await api.services.create("example.com", "Example")
            assert await api.services.get(service.id) == service
            user = await api.users.create(service.id, TO, "john.doe@example.com")
            assert await api.users.get(service.id, user.id) == user
            assert await api.users.get_all(service.id) == [user]

            arriving = asyncio.create_task(sandbox.wait_for_message_async(TO))
            assert await api.auth.initiate(service.id, user.id, api.auth.METHOD_SMS) == "sms"
            pin = (await arriving).pin
            assert await api.auth.verify(service.id, user.id, wrong(pin)) is False
            refused = await api.auth.verify_detailed(service.id, user.id, wrong(pin))
            assert refused.status is not None
            assert refused.status.invalid
            with pytest.raises(NotVerifiedError):
                await api.auth.verify_or_raise(service.id, user.id, wrong(pin))
            assert await api.auth.verify(service.id, user.id, pin) is True

            enrolment = await api.totp.enrol(service.id, user.id)
            code = sandbox.totp_code(enrolment.secret)
            assert await api.totp.confirm(service.id, user.id, code)
            sandbox.advance(30)
            assert await api.auth.initiate(service.id, user.id, api.auth.METHOD_TOTP) == "totp"
            code = sandbox.totp_code(enrolment.secret)
            assert await api.auth.verify_or_raise(service.id, user.id, code)
            assert await api.totp.remove(service.id, user.id)
            assert await api.users.delete(service.id, user.id)
            assert await api.services.delete(service.id)
            with pytest.raises(NoSuchResourceError):
                await api.services.get(service.id)

    asyncio.run(main())


def test_object_style(verigator_sandbox: Sandbox) -> None:
    sandbox = verigator_sandbox
    with Verigator(sandbox.username, sandbox.password, endpoint=sandbox.url) as verigator:
        created = verigator.create_service("Example", "example.com")
        assert created.name == "Example"
        service = Service.get(verigator, created.id)
        assert service == created == verigator.get_service(created.id)
        user = service.register_user("john.doe@example.com", TO)
        assert user.username == "john.doe@example.com"
        assert service.get_user(user.id) == user
        assert service.get_users() == [user]

        assert user.authenticate_using_sms() == "sms"
        pin = sandbox.wait_for_message(TO).pin
        assert not user.verify_pin(wrong(pin)).is_verified()
        assert user.verify_pin(pin).is_verified()
        sandbox.advance(60)
        # Also a user that was fetched.
        assert service.get_users()[0].authenticate_using_totp() == "sms"

        assert user.delete()
        assert service.get_users() == []
        assert service.delete()
        with pytest.raises(NoSuchResourceError):
            verigator.get_service(created.id)


def test_what_a_blocking_api_returns_can_be_called(verigator_sandbox: Sandbox) -> None:
    api = verigator_sandbox.api()
    service = api.services.create("example.com", "Example")
    user = api.users.create(service.id, TO, "john.doe@example.com")
    assert Service.get(api, service.id).get_users() == [user]
    for found in (user, api.users.get(service.id, user.id), *api.users.get_all(service.id)):
        assert found.authenticate_using_sms() == "sms"
        assert found.verify_pin(verigator_sandbox.wait_for_message(TO).pin)
        verigator_sandbox.advance(60)


def test_the_java_names_are_the_same_methods() -> None:
    from verigator import User

    pairs: list[tuple[Any, str, str]] = [
        (Verigator, "createService", "create_service"),
        (Verigator, "getService", "get_service"),
        (Service, "registerUser", "register_user"),
        (Service, "getUser", "get_user"),
        (Service, "getUsers", "get_users"),
        (User, "authenticateUsingSMS", "authenticate_using_sms"),
        (User, "authenticateUsingTotp", "authenticate_using_totp"),
        (User, "verifyPin", "verify_pin"),
        (Verification, "isVerified", "is_verified"),
    ]
    for cls, java, python in pairs:
        assert getattr(cls, java) is getattr(cls, python)


def test_limits_and_their_errors(verigator_sandbox: Sandbox) -> None:
    sandbox = verigator_sandbox
    api = sandbox.api(max_retries=0)
    service = api.services.create("example.com", "Example")
    with pytest.raises(ResourceAlreadyExistsError):
        api.services.create("example.com", "Example")
    user = api.users.create(service.id, TO, "john.doe@example.com")
    user.authenticate_using_sms()
    with pytest.raises(ResourceAlreadyExistsError) as caught:
        user.authenticate_using_sms()
    assert caught.value.retry_after is not None
    assert 0 < caught.value.retry_after <= 30
    sandbox.advance(30)
    assert user.authenticate_using_sms() == "sms"

    # The sandbox has no budgets, but the error of one.
    sandbox.fail_next(status=429)
    sandbox.advance(30)
    with pytest.raises(RateLimitError) as limited:
        user.authenticate_using_sms()
    assert (limited.value.outcome, limited.value.attempts) == ("rejected", 1)
    assert len(sandbox.messages) == 2


def test_an_expired_pin(verigator_sandbox: Sandbox) -> None:
    api = verigator_sandbox.api()
    service = api.services.create("example.com", "Example")
    user = api.users.create(service.id, TO, "john.doe@example.com")
    user.authenticate_using_sms()
    pin = verigator_sandbox.wait_for_message(TO).pin
    verigator_sandbox.advance(601)
    late = user.verify_pin(pin)
    assert not late
    assert late.status is not None
    assert late.status.expired
    assert late.status.result == "EXPIRED"
