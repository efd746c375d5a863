"""Makes docs/images: the sandbox's page of messages as a browser shows it, light and dark.

`make screenshots` runs it. It needs a Chromium, which tests/installing.py installs.
"""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import sync_playwright

from browsers import chromium
from verigator import Api
from verigator.testing import Sandbox

IMAGES = Path(__file__).resolve().parents[1] / "images"

#: To whom messages go, and from which service; the latest last.
SENT = (
    ("Example Bank", "+37255550142"),
    ("Night Market", "+4915550177321"),
    ("Tallinn Trams", "+37255550113"),
)


def send(api: Api, sandbox: Sandbox) -> None:
    services = {}
    for n, (name, number) in enumerate(SENT):
        if name not in services:
            domain = f"{name.lower().replace(' ', '-')}.example.com"
            services[name] = api.services.create(domain, name).id
        user = api.users.create(services[name], number, f"person {n}")
        api.auth.initiate(services[name], user.id, "sms")
        sandbox.wait_for_message(number)
        sandbox.advance(37)


def main() -> None:
    IMAGES.mkdir(exist_ok=True)
    with Sandbox() as sandbox, sandbox.api() as api, sync_playwright() as playwright:
        send(api, sandbox)
        browser = chromium(playwright)
        for scheme in ("light", "dark"):
            page = browser.new_page(
                color_scheme=scheme,
                viewport={"width": 760, "height": 596},
                device_scale_factor=1.5,
                locale="en-GB",
                reduced_motion="reduce",
            )
            page.goto(sandbox.url)
            page.locator("#messages li").nth(len(SENT) - 1).wait_for()
            page.screenshot(path=IMAGES / f"messages-{scheme}.png")
        browser.close()


if __name__ == "__main__":
    main()
