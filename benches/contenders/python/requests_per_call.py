"""requests without a session, as the old client calls it: a new connection for each call."""

import requests

from serving import serve
from target import CA, HEADERS, TIMEOUT, TOKEN, URL


def call() -> bool:
    """Checks a PIN."""
    answer = requests.put(
        URL, headers=HEADERS, json={"token": TOKEN}, timeout=TIMEOUT, verify=CA or True
    )
    answer.raise_for_status()
    return answer.json()["verified"] is True


serve(call)
