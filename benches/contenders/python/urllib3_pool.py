"""urllib3 with a pool that holds a connection for every thread."""

import urllib3

from serving import serve
from target import CA, HEADERS, MOST_AT_ONCE, TIMEOUT, TOKEN, URL

pool = urllib3.PoolManager(
    headers=HEADERS, timeout=TIMEOUT, maxsize=MOST_AT_ONCE, retries=False, ca_certs=CA
)


def call() -> bool:
    """Checks a PIN."""
    answer = pool.request("PUT", URL, json={"token": TOKEN})
    return answer.status == 200 and answer.json()["verified"] is True


serve(call)
