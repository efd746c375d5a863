"""The client against the server as people run it, on each store: every operation, an authenticator,
and requests that are repeated with their key."""

from __future__ import annotations

import asyncio
import http.client
import json
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from deeds import totp_code
from scripted import Answer, Request, scripted
from served import Served
from verigator import (
    Api,
    AsyncApi,
    NoSuchResourceError,
    NotVerifiedError,
    ResourceAlreadyExistsError,
    Service,
    Verification,
    Verigator,
    WrongCredentialsError,
)


def wrong(pin: str) -> str:
    return pin[:-1] + str((int(pin[-1]) + 1) % 10)


def test_blocking(served: Served, name: str, number: str) -> None:
    with Api(served.username, served.password, served.url) as api:
        service = api.services.create(f"{name}.example.com", name)
        assert api.services.get(service.id) == service
        user = api.users.create(service.id, number, "john.doe@example.com")
        assert api.users.get(service.id, user.id) == user
        assert api.users.get_all(service.id) == [user]
        with pytest.raises(ResourceAlreadyExistsError):
            api.users.create(service.id, number, "john.doe@example.com")

        assert api.auth.initiate(service.id, user.id, api.auth.METHOD_TOTP) == "sms"
        pin = served.pin(number)
        assert api.auth.verify(service.id, user.id, wrong(pin)) is False
        refused = api.auth.verify_detailed(service.id, user.id, wrong(pin), method="sms")
        assert refused.status is not None
        assert refused.status.result == "INVALID"
        with pytest.raises(NotVerifiedError):
            api.auth.verify_or_raise(service.id, user.id, wrong(pin))
        with pytest.raises(ResourceAlreadyExistsError) as soon:
            api.auth.initiate(service.id, user.id, api.auth.METHOD_SMS)
        assert soon.value.error_code == "resend_too_soon"
        assert soon.value.retry_after is not None
        assert api.auth.verify(service.id, user.id, pin) is True
        with pytest.raises(NoSuchResourceError) as spent:
            api.auth.verify(service.id, user.id, pin)
        assert spent.value.error_code == "authentication_not_found"
        assert len(served.messages(number)) == 1

        assert api.users.delete(service.id, user.id)
        assert api.users.get_all(service.id) == []
        assert api.services.delete(service.id)
        with pytest.raises(NoSuchResourceError):
            api.services.get(service.id)


def test_an_authenticator(served: Served, name: str, number: str) -> None:
    with Api(served.username, served.password, served.url) as api:
        service = api.services.create(f"{name}.example.com", name)
        user = api.users.create(service.id, number, "john.doe@example.com")
        secret = api.totp.enrol(service.id, user.id).secret
        assert api.totp.confirm(service.id, user.id, wrong(totp_code(secret))) is False
        first = totp_code(secret)
        assert api.totp.confirm(service.id, user.id, first) is True

        assert api.auth.initiate(service.id, user.id, api.auth.METHOD_TOTP) == "totp"
        # Each code counts once. The next one is good as well: a clock may be a step ahead.
        assert api.auth.verify(service.id, user.id, first) is False
        right = Verification(True, "totp")
        assert api.auth.verify_detailed(service.id, user.id, totp_code(secret, later=1)) == right

        assert api.totp.remove(service.id, user.id)
        assert api.auth.initiate(service.id, user.id, api.auth.METHOD_TOTP) == "sms"
        assert api.auth.verify(service.id, user.id, served.pin(number))


def test_awaiting(served: Served, name: str, number: str) -> None:
    async def main() -> None:
        async with AsyncApi(served.username, served.password, served.url) as api:
            service = await api.services.create(f"{name}.example.com", name)
            assert await api.services.get(service.id) == service
            user = await api.users.create(service.id, number, "john.doe@example.com")
            assert await api.users.get(service.id, user.id) == user
            assert await api.users.get_all(service.id) == [user]
            assert await api.auth.initiate(service.id, user.id, api.auth.METHOD_SMS) == "sms"
            pin = await asyncio.to_thread(served.pin, number)
            assert await api.auth.verify(service.id, user.id, wrong(pin)) is False
            assert await api.auth.verify(service.id, user.id, pin) is True
            secret = (await api.totp.enrol(service.id, user.id)).secret
            assert await api.totp.confirm(service.id, user.id, totp_code(secret))
            assert await api.totp.remove(service.id, user.id)
            assert await api.users.delete(service.id, user.id)
            assert await api.services.delete(service.id)
            with pytest.raises(NoSuchResourceError):
                await api.services.get(service.id)

    asyncio.run(main())


def test_object_style(served: Served, name: str, number: str) -> None:
    with Verigator(served.username, served.password, endpoint=served.url) as verigator:
        created = verigator.create_service(name, f"{name}.example.com")
        service = Service.get(verigator, created.id)
        assert service == created == verigator.get_service(created.id)
        user = service.register_user("john.doe@example.com", number)
        assert service.get_user(user.id) == user
        assert service.get_users() == [user]
        assert user.authenticate_using_sms() == "sms"
        assert not user.verify_pin(wrong(served.pin(number))).is_verified()
        assert user.verify_pin(served.pin(number)).is_verified()
        assert user.delete()
        assert service.delete()
        with pytest.raises(NoSuchResourceError):
            verigator.get_service(created.id)


def test_another_password_is_refused(served: Served) -> None:
    with (
        Api(served.username, "another", served.url) as api,
        pytest.raises(WrongCredentialsError),
    ):
        api.services.get("00000000-0000-4000-8000-000000000000")


class Losing:
    """Hands requests on to a server, and loses the answers to those it is told to."""

    def __init__(self, served: Served) -> None:
        self.to = urllib.parse.urlsplit(served.url).netloc
        self.lose: set[tuple[str, str]] = set()
        self.keys: list[str | None] = []

    def __call__(self, request: Request) -> Answer:
        connection = http.client.HTTPConnection(self.to, timeout=30)
        connection.request(request.method, request.target, request.body, request.headers)
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        self.keys.append(request.headers.get("idempotency-key"))
        place = (request.method, request.target.rsplit("/", 1)[-1])
        if place in self.lose:
            self.lose.discard(place)
            return Answer(then="reset")
        lines = [f"HTTP/1.1 {answer.status} {answer.reason}"]
        lines += [f"{name}: {value}" for name, value in answer.getheaders()]
        return Answer("\r\n".join([*lines, "", ""]).encode() + body)


def test_what_is_asked_twice_with_a_key_happens_once(
    served: Served, name: str, number: str
) -> None:
    losing = Losing(served)
    with scripted(losing) as relay, Api(served.username, served.password, relay.url) as api:
        # From its first answer on, the client knows that this server keeps keys.
        service = api.services.create(f"{name}.example.com", name)

        @contextmanager
        def repeated(method: str, last: str) -> Iterator[None]:
            """The one request there loses its answer, and comes again with the key of the first."""
            losing.lose.add((method, last))
            losing.keys.clear()
            yield
            first, again = losing.keys
            assert first == again is not None

        with repeated("POST", "users"):
            user = api.users.create(service.id, number, "john.doe@example.com")
        assert api.users.get_all(service.id) == [user]

        with repeated("POST", "auth"):
            assert api.auth.initiate(service.id, user.id, api.auth.METHOD_SMS) == "sms"
        pin = served.pin(number)
        with repeated("PUT", "auth"):
            assert api.auth.verify(service.id, user.id, wrong(pin)) is False
        with repeated("PUT", "auth"):
            assert api.auth.verify(service.id, user.id, pin) is True
    assert len(served.messages(number)) == 1


def test_the_answer_to_a_key_comes_again_to_the_byte(served: Served, name: str) -> None:
    body = json.dumps({"fqdn": f"{name}.example.com", "name": name})
    headers = {"X-Service-Auth": f"{served.username}:{served.password}", "Idempotency-Key": name}
    answers = []
    for given in (body, body, body.replace("example.com", "example.org")):
        connection = http.client.HTTPConnection(
            urllib.parse.urlsplit(served.url).netloc, timeout=30
        )
        connection.request("POST", "/v1/service/service", given, headers)
        answer = connection.getresponse()
        assert answer.getheader("Verigator-Idempotency") == "honoured"
        answers.append((answer.status, answer.read()))
        connection.close()
    first, again, another = answers
    assert first[0] == 201
    assert again == first
    assert another[0] == 422
