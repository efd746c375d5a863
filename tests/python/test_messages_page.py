"""The sandbox's page of messages in a real browser: live, searchable, by keyboard, on a phone."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    Page,
    ViewportSize,
    expect,
    sync_playwright,
)

from browsers import chromium
from verigator import Api
from verigator.testing import Message, Sandbox

PHONE = ViewportSize(width=360, height=640)
SERVICE = "<img src=x onerror=alert(1)><b>Shop</b>"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = chromium(playwright)
        yield browser
        browser.close()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context(permissions=["clipboard-read", "clipboard-write"])
    yield context
    context.close()


@pytest.fixture
def complaints() -> list[str]:
    """What the browser complains of, and what the page opens; nothing, at a test's end."""
    return []


@pytest.fixture
def page(
    context: BrowserContext, complaints: list[str], verigator_sandbox: Sandbox
) -> Iterator[Page]:
    """The page, which asks nobody but its sandbox for anything."""
    page = context.new_page()
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("popup", lambda popup: complaints.append(popup.url))
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(verigator_sandbox.url)
    yield page
    paths = {url.split("?")[0] for url in asked if not url.startswith("data:")}
    own = verigator_sandbox.url
    assert paths == {f"{own}/", f"{own}/sandbox/messages/stream"}
    assert complaints == []


class Sender:
    """Sends messages, each to a user of its own."""

    def __init__(self, sandbox: Sandbox, api: Api) -> None:
        self._sandbox = sandbox
        self._api = api
        self._service = api.services.create("shop.example.com", SERVICE).id

    def send(self, number: str) -> Message:
        before = len(self._sandbox.messages)
        user = self._api.users.create(self._service, number, f"{number} {before}")
        self._api.auth.initiate(self._service, user.id, "sms")
        return self._sandbox.messages[before]


@pytest.fixture
def sender(verigator_sandbox: Sandbox) -> Iterator[Sender]:
    with verigator_sandbox.api() as api:
        yield Sender(verigator_sandbox, api)


def numbers(page: Page) -> list[str]:
    """To whom the messages that can be seen went, from the top."""
    return page.locator("#messages li:visible .to").all_inner_texts()


def test_it_begins_with_what_it_is_for(page: Page, verigator_sandbox: Sandbox) -> None:
    expect(page.get_by_role("heading", name="No messages yet")).to_be_visible()
    expect(page.locator("#endpoint")).to_have_text(verigator_sandbox.url)
    expect(page.locator("#connection")).to_have_text("Live")


def test_messages_arrive_live_and_newest_first(page: Page, sender: Sender) -> None:
    first = sender.send("+37255550001")
    cards = page.locator("#messages li")
    expect(cards).to_have_count(1)
    expect(page.get_by_role("heading", name="No messages yet")).to_be_hidden()
    second = sender.send("+37255550002")
    expect(cards).to_have_count(2)
    assert numbers(page) == [second.to, first.to]
    expect(cards.first.locator("strong")).to_have_text(second.pin)
    expect(cards.first.locator("time")).to_have_attribute(
        "datetime", re.compile(second.sent_at.strftime("%Y-%m-%dT%H:%M:%S"))
    )
    expect(page.locator("#count")).to_have_text("2 messages")
    # Those who listen are told, digit by digit.
    said = page.get_by_role("log", name="New messages")
    expect(said).to_have_text(f"New message to {second.to}: PIN {' '.join(second.pin)}")

    page.reload()
    expect(cards).to_have_count(2)
    assert numbers(page) == [second.to, first.to]
    expect(said).to_have_text("")


def test_the_pin_is_the_largest_text(page: Page, sender: Sender) -> None:
    sender.send("+37255550001")
    expect(page.locator("#messages li")).to_have_count(1)
    sizes = page.evaluate(
        "[...document.querySelectorAll('body *')].map("
        "  (it) => [it.tagName, parseFloat(getComputedStyle(it).fontSize)])"
    )
    of_pin = page.locator("li strong").evaluate("(it) => parseFloat(getComputedStyle(it).fontSize)")
    assert of_pin >= 36
    assert all(size < of_pin for tag, size in sizes if tag != "STRONG")


def test_search_by_number(page: Page, sender: Sender) -> None:
    for number in ("+37255550001", "+4915550000002", "+37255550003"):
        sender.send(number)
    expect(page.locator("#messages li")).to_have_count(3)
    search = page.get_by_role("searchbox", name="Phone number")
    for typed in ("+372", "00372 5555", "(372) 5555-00"):
        search.fill(typed)
        assert numbers(page) == ["+37255550003", "+37255550001"]
        expect(page.locator("#count")).to_have_text("2 of 3 messages")
    search.press_sequentially("99")
    assert numbers(page) == []
    expect(page.get_by_role("heading", name="No message to this number")).to_be_visible()

    # What comes meanwhile is shown if it fits.
    search.fill("0001")
    sender.send("+4915550000004")
    expect(page.locator("#count")).to_have_text("1 of 4 messages")
    sender.send("+4915550000001")
    expect(page.locator("#count")).to_have_text("2 of 5 messages")
    assert numbers(page) == ["+4915550000001", "+37255550001"]


def test_a_link_may_search(page: Page, sender: Sender, verigator_sandbox: Sandbox) -> None:
    sender.send("+37255550001")
    sender.send("+37255550002")
    page.goto(f"{verigator_sandbox.url}/?to=%2B37255550001")
    expect(page.locator("#count")).to_have_text("1 of 2 messages")
    assert numbers(page) == ["+37255550001"]


def focused(page: Page) -> str:
    label = page.evaluate(
        "(document.activeElement.labels?.[0]?.textContent"
        " ?? document.activeElement.getAttribute('aria-label'))"
    )
    return str(label)


def test_by_keyboard_alone(page: Page, sender: Sender) -> None:
    first, second = sender.send("+37255550001"), sender.send("+4915550000002")
    expect(page.locator("#messages li")).to_have_count(2)
    copy_first = f"Copy PIN {' '.join(first.pin)}"
    copy_second = f"Copy PIN {' '.join(second.pin)}"

    # In the order in which they are seen, and each is seen to have the focus.
    for label in ("Phone number", copy_second, copy_first):
        page.keyboard.press("Tab")
        assert focused(page) == label
        outline = page.evaluate("getComputedStyle(document.activeElement).outlineWidth")
        assert float(outline.removesuffix("px")) >= 2
    page.keyboard.press("ArrowUp")
    assert focused(page) == copy_second
    page.keyboard.press("Enter")
    expect(page.locator("li button").first).to_have_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()") == second.pin
    expect(page.locator("li button").first).to_have_text("Copy")

    page.keyboard.press("/")
    assert focused(page) == "Phone number"
    page.keyboard.type("372")
    assert numbers(page) == [first.to]
    page.keyboard.press("ArrowDown")
    assert focused(page) == copy_first
    page.keyboard.press("Escape")
    assert numbers(page) == [second.to, first.to]
    # Neither a message that comes nor its place takes the focus away.
    sender.send("+37255550003")
    expect(page.locator("#messages li")).to_have_count(3)
    assert focused(page) == copy_first


def test_on_a_phone(page: Page, sender: Sender) -> None:
    page.set_viewport_size(PHONE)
    sender.send("+372555500000001")
    expect(page.locator("#messages li")).to_have_count(1)
    # The longest PIN that a server sends.
    page.locator("li strong").evaluate("(it) => { it.textContent = '0123456789'; }")
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
    for element in ("li strong", "li button", "#search", "#connection", "#count"):
        box = page.locator(element).bounding_box()
        assert box is not None
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= PHONE["width"]
    button = page.locator("li button").bounding_box()
    assert button is not None
    # Large enough for a finger.
    assert button["height"] >= 40


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_light_and_dark(scheme: str, page: Page, sender: Sender) -> None:
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    sender.send("+37255550001")
    expect(page.locator("#messages li")).to_have_count(1)
    ground = brightness(page, "body", "backgroundColor")
    assert ground < 0.1 if scheme == "dark" else ground > 0.9
    card = brightness(page, "article", "backgroundColor")
    for element in ("li strong", ".to", ".text", "time", "button"):
        assert contrast(brightness(page, element, "color"), card) >= 4.5
    for element in ("#connection", "#count", "h1 span"):
        assert contrast(brightness(page, element, "color"), ground) >= 4.5


def brightness(page: Page, selector: str, name: str) -> float:
    """The relative luminance of a colour, as WCAG has it."""
    colour = page.locator(selector).first.evaluate(f"(it) => getComputedStyle(it).{name}")
    parts = [int(part) / 255 for part in re.findall(r"\d+", colour)[:3]]
    red, green, blue = (
        it / 12.92 if it <= 0.04045 else ((it + 0.055) / 1.055) ** 2.4 for it in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: float, other: float) -> float:
    darker, lighter = sorted((one, other))
    return (lighter + 0.05) / (darker + 0.05)


def test_markup_in_a_message_is_text(page: Page, sender: Sender, complaints: list[str]) -> None:
    message = sender.send("+37255550001")
    assert SERVICE in message.text
    text = page.locator("li .text")
    expect(text).to_have_text(message.text)
    assert text.locator("*").count() == 0
    assert complaints == []
    # And the policy would refuse what got past that.
    refused = page.evaluate(
        "() => { try { document.body.innerHTML = '<b>x</b>'; return false; }"
        " catch (error) { return error instanceof TypeError; } }"
    )
    assert refused
    complaints.clear()


def test_it_says_when_the_sandbox_is_gone(
    page: Page, verigator_sandbox: Sandbox, complaints: list[str]
) -> None:
    expect(page.locator("#connection")).to_have_text("Live")
    verigator_sandbox.stop()
    expect(page.locator("#connection")).to_have_text("Not connected: trying again")
    page.close()
    # The browser says so, too, once it has tried.
    complaints.clear()
