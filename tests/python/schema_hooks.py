"""What a request needs that ought to succeed: names that are not taken, since nearly all services
and users would be refused as known ones, and nothing behind them be reached; and a signature."""

from __future__ import annotations

import hashlib
import hmac
import itertools
import os
from typing import Any

import requests
import schemathesis
from schemathesis import GenerationMode

#: The fields that are unique, and what to put into them.
UNIQUE = {
    "services.create": {"fqdn": "n{}.example.com", "name": "Shop {}"},
    "users.create": {"id_in_service": "user-{}"},
}

numbers = itertools.count()


@schemathesis.hook
def before_call(
    _: schemathesis.HookContext, case: schemathesis.Case[Any], kwargs: dict[str, Any]
) -> None:
    if case.meta is None or case.meta.generation.mode is not GenerationMode.POSITIVE:
        return
    operation = case.operation.definition.raw["operationId"]
    if operation in UNIQUE and isinstance(case.body, dict):
        number = next(numbers)
        case.body |= {name: text.format(number) for name, text in UNIQUE[operation].items()}
    if operation == "delivery.messente":
        kwargs["auth"] = sign


def sign(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """As Messente does, over the body as it goes out."""
    body = request.body or b""
    assert isinstance(body, (bytes, str))
    text = body.encode() if isinstance(body, str) else body
    key = os.environ["MESSENTE_PASSWORD"].encode()
    request.headers["X-Messente-Signature"] = hmac.new(key, text, hashlib.sha256).hexdigest()
    return request
