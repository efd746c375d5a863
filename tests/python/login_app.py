"""A site's login as a WSGI app, with one client that is made, and used, when this is imported: with
a server that imports it before it forks, in the parent of those that answer."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from typing import TYPE_CHECKING

from verigator import Api, VerigatorError

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

api = Api(timeout=5, max_retries=0)
service = api.services.get(os.environ["LOGIN_SERVICE"])


def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    form = json.loads(environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])))
    answer: dict[str, object]
    try:
        if environ["PATH_INFO"] == "/start":
            user = api.users.create(service.id, form["number"], form["username"])
            answer = {"user": user.id, "method": api.auth.initiate(service.id, user.id, "sms")}
        else:
            answer = {"welcome": api.auth.verify(service.id, form["user"], form["pin"])}
        status = "200 OK"
    except VerigatorError as error:
        status, answer = "503 Service Unavailable", {"error": repr(error)}
    start_response(status, [("Content-Type", "application/json")])
    return [json.dumps({**answer, "pid": os.getpid()}).encode()]
