"""The login by phone in Django, against a sandbox."""

import html
import re
from collections.abc import Iterator

import django
import pytest
from django.conf import settings
from django.test import Client
from django.test.utils import setup_test_environment, teardown_test_environment

from verigator.testing import Sandbox

NUMBER = "+37255555555"


# --8<-- [start:fixture]
@pytest.fixture(scope="module", autouse=True)
def _django() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("DJANGO_SETTINGS_MODULE", "settings")
        environment.setenv("SECRET_KEY", "a key for tests")
        environment.setenv("LOGIN_SERVICE", "one for each test")
        django.setup()
    setup_test_environment()
    yield
    teardown_test_environment()


@pytest.fixture
def site(verigator_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Client:
    from verification import client
    from views import users

    with verigator_sandbox.api() as api:
        service = api.services.create("example.com", "Example")
    monkeypatch.setattr(settings, "LOGIN_SERVICE", service.id)
    for name, value in {
        "VERIGATOR_ENDPOINT": verigator_sandbox.url,
        "VERIGATOR_USERNAME": verigator_sandbox.username,
        "VERIGATOR_PASSWORD": verigator_sandbox.password,
        # A fault is to be seen at once.
        "VERIGATOR_MAX_RETRIES": "0",
    }.items():
        monkeypatch.setenv(name, value)
    client.cache_clear()
    users.clear()
    return Client()


# --8<-- [end:fixture]


def says(site: Client, path: str, **form: str) -> str:
    """What the page has to say after a form was sent."""
    page = site.post(path, form, follow=True)
    assert page.status_code == 200
    found = re.search(r'<p role="status">(.*?)</p>', page.text)
    return html.unescape(found[1]) if found else ""


def signs_up(site: Client, name: str = "jo") -> str:
    return says(site, "/signup", name=name, number=NUMBER)


def is_logged_in(site: Client) -> bool:
    return "You are logged in as jo." in site.get("/").text


# --8<-- [start:login]
def test_a_login(site: Client, verigator_sandbox: Sandbox) -> None:
    assert says(site, "/signup", name="jo", number=NUMBER) == "We have sent you a PIN."
    assert not is_logged_in(site)
    pin = verigator_sandbox.wait_for_message(NUMBER).pin
    assert says(site, "/pin", pin="not it") == "This PIN is wrong."
    assert not is_logged_in(site)
    assert says(site, "/pin", pin=pin) == "Welcome."
    assert is_logged_in(site)
    assert says(site, "/logout") == "Goodbye."
    assert not is_logged_in(site)


# --8<-- [end:login]


# --8<-- [start:clock]
def test_after_too_many_wrong_pins_only_a_new_one_helps(
    site: Client, verigator_sandbox: Sandbox
) -> None:
    signs_up(site)
    pin = verigator_sandbox.wait_for_message(NUMBER).pin
    for _ in range(5):
        says(site, "/pin", pin="not it")
    too_late = "This PIN is not valid any more. Please ask for a new one."
    assert says(site, "/pin", pin=pin) == too_late

    assert says(site, "/login", name="jo").startswith("We have just sent you a PIN.")
    verigator_sandbox.advance(30)
    assert says(site, "/login", name="jo") == "We have sent you a PIN."
    assert says(site, "/pin", pin=verigator_sandbox.messages[-1].pin) == "Welcome."


# --8<-- [end:clock]


def test_a_pin_grows_old_and_is_taken_once(site: Client, verigator_sandbox: Sandbox) -> None:
    signs_up(site)
    first = verigator_sandbox.wait_for_message(NUMBER).pin
    verigator_sandbox.advance(601)
    assert says(site, "/pin", pin=first).startswith("This PIN is not valid any more.")
    says(site, "/login", name="jo")
    second = verigator_sandbox.messages[-1].pin
    assert says(site, "/pin", pin=second) == "Welcome."
    verigator_sandbox.advance(30)
    says(site, "/logout")
    says(site, "/login", name="jo")
    if verigator_sandbox.messages[-1].pin != second:
        assert says(site, "/pin", pin=second) == "This PIN is wrong."


def test_who_may_not(site: Client) -> None:
    assert says(site, "/login", name="jo") == "Nobody has signed up by this name."
    assert says(site, "/pin", pin="123456") == "Please log in."
    assert says(site, "/signup", name="jo", number="none").startswith("This is no phone number.")
    signs_up(site)
    assert signs_up(site) == "This name is taken."


# --8<-- [start:faults]
def test_an_answer_is_lost(site: Client, verigator_sandbox: Sandbox) -> None:
    verigator_sandbox.fail_next(drop="before_answer", operation="auth.initiate")
    assert signs_up(site) == "If a PIN comes, type it here. If none does, ask for another."
    (message,) = verigator_sandbox.messages

    verigator_sandbox.fail_next(drop="before_answer", operation="auth.verify")
    unknown = "We can't tell whether this PIN is right. Please ask for a new one."
    assert says(site, "/pin", pin=message.pin) == unknown
    assert not is_logged_in(site)
    # It was right, and is spent.
    assert says(site, "/pin", pin=message.pin) == "Please ask for a new PIN."


def test_the_server_did_not_act(site: Client, verigator_sandbox: Sandbox) -> None:
    signs_up(site)
    verigator_sandbox.fail_next(status=403, count=3)
    assert says(site, "/login", name="jo") == "No PIN was sent. Please try again."
    assert says(site, "/pin", pin="123456") == "This PIN was not checked. Please send it again."
    assert signs_up(site, "someone") == "We could not sign you up. Please try again."


# --8<-- [end:faults]


@pytest.mark.usefixtures("site")
def test_a_form_from_elsewhere_is_refused() -> None:
    strict = Client(enforce_csrf_checks=True)
    assert strict.post("/login", {"name": "jo"}).status_code == 403


def test_names_are_shown_as_text(site: Client) -> None:
    signs_up(site, "<b>jo</b>")
    page = site.get("/").text
    assert "&lt;b&gt;jo" in page
    assert "<b>" not in page
