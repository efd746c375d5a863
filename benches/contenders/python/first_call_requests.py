"""requests, from its import to the first answer."""

from time import perf_counter

from target import CA, HEADERS, TIMEOUT, TOKEN, URL

began = perf_counter()
import requests

imported = perf_counter()
session = requests.Session()
session.verify = CA or True
answer = session.put(URL, headers=HEADERS, json={"token": TOKEN}, timeout=TIMEOUT)
verified = answer.json()["verified"] is True

from first_call import tell

tell(began, imported, verified=verified)
