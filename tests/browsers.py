"""A browser without a window: the system's own Chromium, which installing.py installs."""

from __future__ import annotations

import os

from playwright.sync_api import Browser, Playwright

from installing import find

NAMES = ("chromium", "chromium-browser", "google-chrome")


def chromium(playwright: Playwright) -> Browser:
    """Starts one, which talks to nobody but the pages it is told to open."""
    program = next(filter(None, map(find, NAMES)), None)
    assert program, f"{' or '.join(NAMES)} is missing"
    return playwright.chromium.launch(
        executable_path=program,
        # Its own sandbox is not for root.
        chromium_sandbox=os.geteuid() != 0,
        args=["--disable-background-networking", "--disable-component-update", "--disable-sync"],
    )
