"""Vonage's client, from its import to the first answer: a check of a PIN by its Verify service. The
peer's authority is in REQUESTS_CA_BUNDLE.
"""

from time import perf_counter

from target import ENDPOINT, TOKEN, USER

began = perf_counter()
from vonage import Auth, HttpClientOptions, Vonage

imported = perf_counter()
client = Vonage(
    Auth(api_key="bench", api_secret="secret"),
    HttpClientOptions(api_host=ENDPOINT.removeprefix("https://")),
)
check = client.verify.check_code(USER, TOKEN)
verified = check.status == "completed"

from first_call import tell

tell(began, imported, verified=verified)
