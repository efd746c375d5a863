"""This project's client."""

from serving import serve
from target import CA, ENDPOINT, PASSWORD, SERVICE, TOKEN, USER, USERNAME
from verigator import Api

api = Api(USERNAME, PASSWORD, ENDPOINT, ca_bundle=CA)


def call() -> bool:
    """Checks a PIN."""
    return api.auth.verify(SERVICE, USER, TOKEN)


serve(call)
