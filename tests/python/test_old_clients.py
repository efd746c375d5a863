"""What the two first clients send, byte for byte what matters, and what they need of the answers:
`verigator` 1.0.4 for Python and `verigator-java` 1.1. In front of the server as a program, on each
store, and of the sandbox."""

from __future__ import annotations

import http.client
import json
import urllib.parse
from dataclasses import dataclass, field
from typing import Any, Protocol

import pytest

from served import STORES
from verigator.testing import Sandbox

NOBODY = "00000000-0000-4000-8000-000000000000"


class Server(Protocol):
    """Where a client is pointed to."""

    @property
    def url(self) -> str: ...
    @property
    def username(self) -> str: ...
    @property
    def password(self) -> str: ...


@dataclass
class Client:
    """An old client, as far as the wire shows it."""

    server: Server
    #: What it sends with every request, and what with one that has a body.
    always: dict[str, str]
    with_body: dict[str, str]
    #: The status it takes for success when something is made.
    made: int
    answers: list[tuple[int, str | None]] = field(default_factory=list)

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        """Status and body of an answer, which must be a JSON object whatever was asked."""
        sent = {"X-Service-Auth": f"{self.server.username}:{self.server.password}", **self.always}
        text = None
        if body is not None:
            text = body if isinstance(body, str) else json.dumps(body)
            sent |= self.with_body
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        place = urllib.parse.urlsplit(self.server.url).netloc
        connection = http.client.HTTPConnection(place, timeout=30)
        connection.request(method, path, text, sent)
        answer = connection.getresponse()
        reply = json.loads(answer.read())
        connection.close()
        assert isinstance(reply, dict), f"{method} {path}: {answer.status}"
        assert answer.getheader("Content-Type") == "application/json"
        return answer.status, reply


def python(server: Server) -> Client:
    # requests' own name; neither of the two headers without a body.
    always = {"User-Agent": "python-requests/2.18.4", "Accept": "*/*"}
    json_ = {"Content-Type": "application/json", "Accept": "application/json"}
    return Client(server, always, json_, 201)


def java(server: Server) -> Client:
    always = {"User-Agent": "verigator-java-1.1", "Accept": "application/json"}
    return Client(server, always, {"Content-Type": "application/json"}, 200)


@pytest.fixture(params=["sandbox", *STORES])
def server(request: pytest.FixtureRequest) -> Server:
    name = request.param if request.param == "sandbox" else f"served_on_{request.param}"
    server: Server = request.getfixturevalue(name)
    return server


def pin(server: Any, number: str) -> str:
    if isinstance(server, Sandbox):
        return server.wait_for_message(number).pin
    pin: str = server.pin(number)
    return pin


@pytest.mark.parametrize("kind", [python, java])
def test_a_login(kind: Any, server: Server, name: str, number: str) -> None:
    client = kind(server)
    services = "/v1/service/service"
    new = {"fqdn": f"{name}.example.com", "name": name}
    status, service = client.ask("POST", services, new)
    assert status == client.made
    assert service.keys() == {"id", "ctime", "name"}
    at = f"{services}/{service['id']}"
    assert client.ask("GET", at) == (200, service)

    new = {"phone_number": number, "id_in_service": "john.doe@example.com"}
    status, user = client.ask("POST", f"{at}/users", new)
    assert status == client.made
    assert user.keys() == {"id", "ctime", "id_in_service"}
    # The Java client's way to one, and what both call it by.
    assert client.ask("GET", f"{at}/user/{user['id']}") == (200, user)
    assert client.ask("GET", f"{at}/users/{user['id']}") == (200, user)
    status, users = client.ask("GET", f"{at}/users")
    assert (status, users["users"], users["count"]) == (200, [user], 1)

    auth = f"{at}/users/{user['id']}/auth"
    status, started = client.ask("POST", auth, {"method": "totp"})
    assert (status, started) == (client.made, {"method": "sms"})
    guess = pin(server, number)
    status, checked = client.ask("PUT", auth, {"token": f"{guess}0"})
    assert (status, checked["verified"]) == (200, False)
    # Fields that older versions sent.
    more = {"token": guess, "method": "sms", "auth_id": NOBODY}
    assert client.ask("PUT", auth, more) == (200, {"method": "sms", "verified": True})

    assert client.ask("DELETE", f"{at}/users/{user['id']}") == (202, {})
    assert client.ask("DELETE", at) == (202, {})
    assert client.ask("GET", at)[0] == 404


def test_a_single_service_in_the_path(server: Server, name: str, number: str) -> None:
    client = python(server)
    new = {"fqdn": f"{name}.example.com", "name": name}
    _, service = client.ask("POST", "/v1/service/service", new)
    new = {"phone_number": number, "id_in_service": name}
    _, user = client.ask("POST", f"/v1/service/{service['id']}/users", new)
    auth = f"/v1/service/{service['id']}/users/{user['id']}/auth"
    assert client.ask("POST", auth, {"method": "sms"}) == (201, {"method": "sms"})
    status, checked = client.ask("PUT", auth, {"token": pin(server, number)})
    assert (status, checked["verified"]) == (200, True)


@pytest.mark.parametrize("kind", [python, java])
def test_every_refusal_is_an_object_with_a_message(kind: Any, server: Server, name: str) -> None:
    client = kind(server)
    services = "/v1/service/service"
    new = {"fqdn": f"{name}.example.com", "name": name}
    at = f"{services}/{client.ask('POST', services, new)[1]['id']}"
    for method, path, body, status in [
        ("POST", services, new, 409),
        ("POST", services, {"fqdn": "a b", "name": name}, 422),
        ("POST", services, "{", 422),
        ("POST", services, "[]", 422),
        ("POST", services, None, 422),
        ("PUT", services, None, 405),
        ("GET", f"{services}/{NOBODY}", None, 404),
        ("GET", f"{services}/x", None, 404),
        ("DELETE", f"{services}/{NOBODY}", None, 404),
        ("POST", f"{at}/users", {"phone_number": "17", "id_in_service": "x"}, 422),
        ("GET", f"{at}/users/{NOBODY}", None, 404),
        ("GET", f"{at}/user/{NOBODY}", None, 404),
        ("DELETE", f"{at}/users/{NOBODY}", None, 404),
        ("POST", f"{at}/users/{NOBODY}/auth", {"method": "sms"}, 404),
        ("POST", f"{at}/users/{NOBODY}/auth", {"method": "push"}, 422),
        ("PUT", f"{at}/users/{NOBODY}/auth", {"token": "1"}, 404),
        ("POST", services, "x" * 70_000, 413),
        ("GET", "/v1/nothing", None, 404),
        ("GET", "/v1", None, 404),
    ]:
        answered, reply = client.ask(method, path, body)
        assert (answered, bool(reply["message"])) == (status, True), (method, path)
    for wrong in ("", "nobody", f"{server.username}:wrong"):
        answered, reply = client.ask("GET", at, X_Service_Auth=wrong)
        assert (answered, bool(reply["message"])) == (401, True), wrong
