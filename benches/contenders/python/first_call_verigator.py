"""This project's client, from its import to the first answer."""

from time import perf_counter

from target import CA, ENDPOINT, PASSWORD, SERVICE, TOKEN, USER, USERNAME

began = perf_counter()
from verigator import Api

imported = perf_counter()
api = Api(USERNAME, PASSWORD, ENDPOINT, ca_bundle=CA)
verified = api.auth.verify(SERVICE, USER, TOKEN)

from first_call import tell

tell(began, imported, verified=verified)
