"""The measured call, the same for every client: a PIN is checked, and it is right."""

import sys

#: Where the peer is, and the certificate of its authority when it speaks TLS.
ENDPOINT = sys.argv[1]
CA = sys.argv[2] if len(sys.argv) > 2 else None

USERNAME = "bench"
PASSWORD = "secret"
SERVICE = "81213bfd-b690-499e-b9d2-8754cb1550e8"
USER = "a94d3cb9-8c1b-4b9b-9d24-3a7e6d4c1f52"
TOKEN = "123456"

PATH = f"/v1/service/service/{SERVICE}/users/{USER}/auth"
URL = ENDPOINT + PATH
HEADERS = {"X-Service-Auth": f"{USERNAME}:{PASSWORD}", "Accept": "application/json"}

#: Seconds; what the client under test has by itself.
TIMEOUT = 30.0
#: The most calls in flight that any section asks for.
MOST_AT_ONCE = 64
