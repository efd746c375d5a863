"""httpx with a client whose pool holds a connection for every thread."""

import ssl

import httpx

from serving import serve
from target import CA, ENDPOINT, HEADERS, MOST_AT_ONCE, PATH, TIMEOUT, TOKEN

client = httpx.Client(
    base_url=ENDPOINT,
    headers=HEADERS,
    timeout=TIMEOUT,
    limits=httpx.Limits(max_keepalive_connections=MOST_AT_ONCE),
    verify=ssl.create_default_context(cafile=CA),
)


def call() -> bool:
    """Checks a PIN."""
    answer = client.put(PATH, json={"token": TOKEN})
    answer.raise_for_status()
    return answer.json()["verified"] is True


serve(call)
