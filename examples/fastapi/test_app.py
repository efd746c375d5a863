"""The login by phone in FastAPI, against a sandbox."""

import html
import re
from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient

from app import create_app
from verigator.testing import Sandbox

NUMBER = "+37255555555"


# --8<-- [start:fixture]
@pytest.fixture
def site(verigator_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    with verigator_sandbox.api() as api:
        service = api.services.create("example.com", "Example")
    for name, value in {
        "LOGIN_SERVICE": service.id,
        "SECRET_KEY": "a key for tests",
        "VERIGATOR_ENDPOINT": verigator_sandbox.url,
        "VERIGATOR_USERNAME": verigator_sandbox.username,
        "VERIGATOR_PASSWORD": verigator_sandbox.password,
        # A fault is to be seen at once.
        "VERIGATOR_MAX_RETRIES": "0",
    }.items():
        monkeypatch.setenv(name, value)
    with TestClient(create_app()) as site:
        yield site


# --8<-- [end:fixture]


def says(site: TestClient, path: str, **form: str) -> str:
    """What the page has to say after a form was sent."""
    page = site.post(path, data=form)
    assert page.status_code == 200
    found = re.search(r'<p role="status">(.*?)</p>', page.text)
    return html.unescape(found[1]) if found else ""


def signs_up(site: TestClient, name: str = "jo") -> str:
    return says(site, "/signup", name=name, number=NUMBER)


def is_logged_in(site: TestClient) -> bool:
    return "You are logged in as jo." in site.get("/").text


# --8<-- [start:login]
def test_a_login(site: TestClient, verigator_sandbox: Sandbox) -> None:
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
    site: TestClient, verigator_sandbox: Sandbox
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


def test_a_pin_grows_old_and_is_taken_once(site: TestClient, verigator_sandbox: Sandbox) -> None:
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


def test_who_may_not(site: TestClient) -> None:
    assert says(site, "/login", name="jo") == "Nobody has signed up by this name."
    assert says(site, "/pin", pin="123456") == "Please log in."
    assert says(site, "/signup", name="jo", number="none").startswith("This is no phone number.")
    signs_up(site)
    assert signs_up(site) == "This name is taken."


# --8<-- [start:faults]
def test_an_answer_is_lost(site: TestClient, verigator_sandbox: Sandbox) -> None:
    verigator_sandbox.fail_next(drop="before_answer", operation="auth.initiate")
    assert signs_up(site) == "If a PIN comes, type it here. If none does, ask for another."
    (message,) = verigator_sandbox.messages

    verigator_sandbox.fail_next(drop="before_answer", operation="auth.verify")
    unknown = "We can't tell whether this PIN is right. Please ask for a new one."
    assert says(site, "/pin", pin=message.pin) == unknown
    assert not is_logged_in(site)
    # It was right, and is spent.
    assert says(site, "/pin", pin=message.pin) == "Please ask for a new PIN."


def test_the_server_did_not_act(site: TestClient, verigator_sandbox: Sandbox) -> None:
    signs_up(site)
    verigator_sandbox.fail_next(status=403, count=3)
    assert says(site, "/login", name="jo") == "No PIN was sent. Please try again."
    assert says(site, "/pin", pin="123456") == "This PIN was not checked. Please send it again."
    assert signs_up(site, "someone") == "We could not sign you up. Please try again."


# --8<-- [end:faults]


def test_names_are_shown_as_text(site: TestClient) -> None:
    signs_up(site, "<b>jo</b>")
    page = site.get("/").text
    assert "&lt;b&gt;jo" in page
    assert "<b>" not in page
