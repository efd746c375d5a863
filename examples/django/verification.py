"""What a login by phone asks of Verigator, and what to tell the person of what came of it.

Knows no pages and no sessions.
"""

import uuid
from functools import cache
from typing import NamedTuple

from django.conf import settings

from verigator import (
    Api,
    InvalidDataError,
    NoSuchResourceError,
    RateLimitError,
    ResourceAlreadyExistsError,
    VerigatorError,
)


class Step(NamedTuple):
    """What came of a step, for the page."""

    #: Whether the person goes on to the next one.
    done: bool
    message: str


# --8<-- [start:client]
@cache
def client() -> Api:
    """One for the process, and for all its threads. It connects with its first call."""
    return Api()


# --8<-- [end:client]


# --8<-- [start:sign-up]
def sign_up(number: str) -> str | Step:
    """The id of a new user, to be kept with the account."""
    # A name that is new each time: if it isn't known what came of it, a second try harms nobody.
    name = str(uuid.uuid4())
    try:
        return client().users.create(settings.LOGIN_SERVICE, number, name).id
    except InvalidDataError:
        return Step(False, "This is no phone number. Begin with + and your country's prefix.")
    except VerigatorError:
        return Step(False, "We could not sign you up. Please try again.")


# --8<-- [end:sign-up]


# --8<-- [start:send]
def send_pin(user: str) -> Step:
    """Sends a PIN. Done also means: perhaps it was sent."""
    try:
        client().auth.initiate(settings.LOGIN_SERVICE, user, "sms")
    except ResourceAlreadyExistsError as error:
        wait = error.retry_after or 30
        return Step(True, f"We have just sent you a PIN. Another one can be had in {wait:.0f} s.")
    except RateLimitError as error:
        minutes = (error.retry_after or 3600) / 60
        return Step(False, f"Too many PINs were sent. Please come back in {minutes:.0f} minutes.")
    except VerigatorError as error:
        if error.outcome in {"unknown", "accepted"}:
            return Step(True, "If a PIN comes, type it here. If none does, ask for another.")
        return Step(False, "No PIN was sent. Please try again.")
    return Step(True, "We have sent you a PIN.")


# --8<-- [end:send]


# --8<-- [start:check]
def check_pin(user: str, pin: str) -> Step:
    """Whether the PIN is right: then, and only then, the person is who they say."""
    try:
        verification = client().auth.verify_detailed(settings.LOGIN_SERVICE, user, pin)
    except NoSuchResourceError:
        return Step(False, "Please ask for a new PIN.")
    except RateLimitError:
        return Step(False, "Too many wrong PINs. Please ask us for help.")
    except VerigatorError as error:
        if error.outcome in {"unknown", "accepted"}:
            # It may be spent, or it may have cost a try.
            return Step(False, "We can't tell whether this PIN is right. Please ask for a new one.")
        return Step(False, "This PIN was not checked. Please send it again.")
    if verification.verified:
        return Step(True, "Welcome.")
    wrong = "This PIN is wrong."
    # Throttled or expired: not even the right one is taken now.
    over = "This PIN is not valid any more. Please ask for a new one."
    return Step(False, wrong if verification.status and verification.status.invalid else over)


# --8<-- [end:check]
