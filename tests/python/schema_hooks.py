"""Names that are not taken, for requests that ought to succeed: without, nearly all services and
users would be refused as known ones, and nothing behind them be reached."""

from __future__ import annotations

import itertools
from typing import Any

import schemathesis
from schemathesis import GenerationMode

#: The fields that are unique, and what to put into them.
UNIQUE = {
    "services.create": {"fqdn": "n{}.example.com", "name": "Shop {}"},
    "users.create": {"id_in_service": "user-{}"},
}

numbers = itertools.count()


@schemathesis.hook
def before_call(_: schemathesis.HookContext, case: schemathesis.Case[Any], **_given: Any) -> None:
    operation = case.operation.definition.raw["operationId"]
    if case.meta is None or case.meta.generation.mode is not GenerationMode.POSITIVE:
        return
    if operation in UNIQUE and isinstance(case.body, dict):
        number = next(numbers)
        case.body |= {name: text.format(number) for name, text in UNIQUE[operation].items()}
