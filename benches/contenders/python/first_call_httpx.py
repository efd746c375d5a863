"""httpx, from its import to the first answer."""

from time import perf_counter

from target import CA, HEADERS, TIMEOUT, TOKEN, URL

began = perf_counter()
import httpx

imported = perf_counter()
import ssl

client = httpx.Client(verify=ssl.create_default_context(cafile=CA), timeout=TIMEOUT)
answer = client.put(URL, headers=HEADERS, json={"token": TOKEN})
verified = answer.json()["verified"] is True

from first_call import tell

tell(began, imported, verified=verified)
