"""The examples of the published documents, run as they are written, with only credentials, ids, the
phone number and the PIN filled in; where the server is comes from the environment."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from peer import Peer
from served import STORES
from verigator import Api, Service, User, Verification, Verigator
from verigator.testing import Sandbox

# "Adding User to Service", in its later rendering.
ADDING_A_USER = """\
from messente.verigator.api import Api
# Initialize API
api = Api("messente-api-username", "messente-api-password")
# Create your service
service = api.services.get("my-service-id")
# Add User to your Service
user = api.users.create(service.id, "+xxxxxxxxxxx", "username")
"""

# "Starting User Authentication".
STARTING = """\
from messente.verigator.api import Api

# Initialize API
api = Api("messente-api-username", "messente-api-password")

# Create your service
service = api.services.get("my-service-id")

# Initialize user
user = api.users.get(service.id, "verigator-user-id")

# Start authentication
auth_id = api.auth.initiate(service.id, user.id, api.auth.METHOD_TOTP)
"""

# "Verifying PIN Code". What is kept of this page has lost the words that were links in it.
VERIFYING = """\
from messente.verigator.api import Api

# Initialize API
api = Api("messente-api-username", "messente-api-password")

# Create your service
service ="my-service-id")

# Initialize user
user = api.users.get(, "verigator-user-id")

# Start authentication
api.auth.initiate(,, api.auth.METHOD_TOTP)

# Verify token
verified = api.auth.verify(,, token)
"""

LOST_LINKS = (
    ('service ="', 'service = api.services.get("'),
    ('get(, "', 'get(service.id, "'),
    ("(,, ", "(service.id, user.id, "),
)

# The Java example of "Adding User to Service".
JAVA_ADDING_A_USER = """\
public static final String API_USERNAME = "";
public static final String API_PASSWORD = "";
public static final String VERIGATOR_SERVICE_ID = "";
// Initialize the Verigator API with your Messente API credentials
Verigator verigator = new Verigator(API_USERNAME, API_PASSWORD);
// After creating the service, for all future requests you get Service instance like this:
service = Service.get(verigator, VERIGATOR_SERVICE_ID);
// Now you can start syncing your service's users to Verigator
User user = service.registerUser("youremail@example.com", "+3725555555");
"""

# What the Java example of "Starting User Authentication" goes on with.
JAVA_STARTING = """\
// You can use SMS or TOTP (verification via Verigator app)
if (USE_SMS) {
    user.authenticateUsingSMS();
} else {
    user.authenticateUsingTotp();
}
"""

# And that of "Verifying PIN Code"; the end of it is not kept.
JAVA_VERIFYING = """\
VerificationResponse verificationResponse = user.verifyPin("123456");

if (verificationResponse.isVerified()) {
  System.out.println("Verification successful!");
} else {
  System.out.println("Verification FAILED!");
}
"""

# What Java writes otherwise than Python. Every name stays.
JAVA_TO_PYTHON = (
    (r"public static final String ", ""),
    (r"^(Verigator|User|VerificationResponse) (?=\w+ =)", ""),
    (r"= new ", "= "),
    (r"^if \((.*)\) \{$", r"if \1:"),
    (r"^\} else \{$", "else:"),
    (r"^\}$", ""),
    (r"System\.out\.println", "print"),
    (r"^//", "#"),
    (r";$", ""),
)


def python_of(java: str) -> str:
    for pattern, replacement in JAVA_TO_PYTHON:
        java = re.sub(pattern, replacement, java, flags=re.MULTILINE)
    return java


class Names(dict[str, Any]):
    """The names of an example; what it does not define is computed when it is asked for."""

    def __init__(self, **computed: Callable[[], Any]) -> None:
        super().__init__()
        self.computed = computed

    def __missing__(self, name: str) -> Any:
        if name not in self.computed:
            raise KeyError(name)
        return self.computed[name]()


class Place:
    """A server with a service, and what fills the gaps of the examples."""

    def __init__(self, server: Any, pin: Callable[[str], str | None], name: str) -> None:
        self.pin = pin
        api = Api(server.username, server.password, server.url)
        self.service = api.services.create(f"{name}.example.com", name)
        self.gaps = {
            "messente-api-username": server.username,
            "messente-api-password": server.password,
            "my-service-id": self.service.id,
            'API_USERNAME = ""': f'API_USERNAME = "{server.username}"',
            'API_PASSWORD = ""': f'API_PASSWORD = "{server.password}"',
            'VERIGATOR_SERVICE_ID = ""': f'VERIGATOR_SERVICE_ID = "{self.service.id}"',
        }

    def run(self, example: str, gaps: dict[str, str], **computed: Callable[[], Any]) -> Names:
        for gap, filling in {**self.gaps, **gaps}.items():
            example = example.replace(gap, filling)
        names = Names(Verigator=lambda: Verigator, Service=lambda: Service, **computed)
        exec(compile(example, "example", "exec"), {}, names)
        return names


@pytest.fixture(params=["sandbox", "documents", "old_clients", *STORES])
def place(
    request: pytest.FixtureRequest,
    peer: Peer,
    sandbox: Sandbox,
    name: str,
    monkeypatch: pytest.MonkeyPatch,
) -> Place:
    server: Any
    if request.param == "sandbox":
        server = sandbox
    elif request.param in STORES:
        server = request.getfixturevalue(f"served_on_{request.param}")
    else:
        server = getattr(peer, request.param)
    monkeypatch.setenv("VERIGATOR_ENDPOINT", server.url)
    pin = sandbox.last_pin if request.param == "sandbox" else server.pin
    return Place(server, pin, name)


@pytest.fixture
def user(place: Place, number: str) -> User:
    """A user whose number is in the test's `number`."""
    return place.service.register_user("someone@example.com", number)


def test_adding_a_user(place: Place, number: str) -> None:
    names = place.run(ADDING_A_USER, {"+xxxxxxxxxxx": number})
    assert names["service"] == place.service
    assert isinstance(names["user"], User)
    assert names["user"].username == "username"
    assert names["user"] in place.service.get_users()


def test_starting_an_authentication(place: Place, user: User, number: str) -> None:
    names = place.run(STARTING, {"verigator-user-id": user.id})
    assert names["user"] == user
    assert names["auth_id"] == "sms"
    assert place.pin(number)


def test_verifying_a_pin(place: Place, user: User, number: str) -> None:
    example = VERIFYING
    for lost, found in LOST_LINKS:
        example = example.replace(lost, found)
    names = place.run(example, {"verigator-user-id": user.id}, token=lambda: place.pin(number))
    assert names["verified"] is True


def test_a_wrong_pin_does_not_verify(place: Place, user: User, number: str) -> None:
    example = VERIFYING
    for lost, found in LOST_LINKS:
        example = example.replace(lost, found)
    names = place.run(
        example, {"verigator-user-id": user.id}, token=lambda: wrong(place.pin(number))
    )
    assert names["verified"] is False


def wrong(pin: str | None) -> str:
    assert pin is not None
    return pin[:-1] + str((int(pin[-1]) + 1) % 10)


def test_java_adding_a_user(place: Place) -> None:
    names = place.run(python_of(JAVA_ADDING_A_USER), {})
    assert names["user"].username == "youremail@example.com"
    assert place.service.get_user(names["user"].id) == names["user"]


@pytest.mark.parametrize("use_sms", [True, False])
def test_java_from_adding_to_verifying(
    use_sms: bool, place: Place, number: str, capsys: pytest.CaptureFixture[str]
) -> None:
    names = place.run(
        python_of(JAVA_ADDING_A_USER + JAVA_STARTING + JAVA_VERIFYING),
        {"+3725555555": number, '"123456"': "pin"},
        USE_SMS=lambda: use_sms,
        pin=lambda: place.pin(number),
    )
    assert isinstance(names["verificationResponse"], Verification)
    assert capsys.readouterr().out == "Verification successful!\n"


def test_java_with_a_wrong_pin(
    place: Place, number: str, capsys: pytest.CaptureFixture[str]
) -> None:
    place.run(
        python_of(JAVA_ADDING_A_USER + JAVA_STARTING + JAVA_VERIFYING),
        {"+3725555555": number, '"123456"': "pin"},
        USE_SMS=lambda: True,
        pin=lambda: wrong(place.pin(number)),
    )
    assert capsys.readouterr().out == "Verification FAILED!\n"
