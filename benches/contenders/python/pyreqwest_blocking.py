"""pyreqwest's blocking client."""

from datetime import timedelta
from pathlib import Path

from pyreqwest.client import SyncClientBuilder

from serving import serve
from target import CA, HEADERS, TIMEOUT, TOKEN, URL

builder = (
    SyncClientBuilder()
    .default_headers(HEADERS)
    .timeout(timedelta(seconds=TIMEOUT))
    .error_for_status(True)
)
if CA is not None:
    builder = builder.add_root_certificate_pem(Path(CA).read_bytes())
client = builder.build()


def call() -> bool:
    """Checks a PIN."""
    answer = client.put(URL).body_json({"token": TOKEN}).build().send()
    return answer.json()["verified"] is True


serve(call)
