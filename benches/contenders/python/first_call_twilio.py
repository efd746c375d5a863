"""Twilio's client, from its import to the first answer: a check of a PIN by its Verify service. It
knows no other host than Twilio's, so that the request is sent elsewhere at the last moment; the
peer's authority is in REQUESTS_CA_BUNDLE.
"""

from time import perf_counter
from typing import Any

from target import ENDPOINT, TOKEN

began = perf_counter()
from twilio.rest import Client

imported = perf_counter()
from twilio.http.http_client import TwilioHttpClient


class ToThePeer(TwilioHttpClient):  # type: ignore[misc]
    """Sends to the peer what is for Twilio."""

    def request(self, method: str, url: str, *rest: Any, **more: Any) -> Any:  # noqa: ANN401
        """Sends a request."""
        return super().request(
            method, url.replace("https://verify.twilio.com", ENDPOINT), *rest, **more
        )


client = Client("AC" + "0" * 32, "secret", http_client=ToThePeer())
service = client.verify.v2.services("VA" + "0" * 32)
check = service.verification_checks.create(to="+3725555555", code=TOKEN)
verified = check.status == "approved"

from first_call import tell

tell(began, imported, verified=verified)
