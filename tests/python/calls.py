"""Every way to call, with an argument for everything, and what a server answers to it."""

from __future__ import annotations

import asyncio
from typing import Any

from verigator import Api, AsyncApi

# Every operation with its arguments.
OPERATIONS: dict[str, dict[str, Any]] = {
    "services.create": {"domain": "example.com", "name": "Example"},
    "services.get": {"id": "s-1"},
    "services.delete": {"id": "s-1"},
    "users.create": {"service_id": "s-1", "number": "+3725555555", "username": "someone"},
    "users.get": {"service_id": "s-1", "id": "u-1"},
    "users.get_all": {"service_id": "s-1"},
    "users.delete": {"service_id": "s-1", "id": "u-1"},
    "auth.initiate": {"service_id": "s-1", "user_id": "u-1", "method": "sms"},
    "auth.verify": {"service_id": "s-1", "user_id": "u-1", "token": "123456", "method": "sms"},
    "auth.verify_detailed": {"service_id": "s-1", "user_id": "u-1", "token": "1", "method": "sms"},
    "auth.verify_or_raise": {"service_id": "s-1", "user_id": "u-1", "token": "1", "method": "sms"},
    "totp.enrol": {"service_id": "s-1", "user_id": "u-1"},
    "totp.confirm": {"service_id": "s-1", "user_id": "u-1", "token": "123456"},
    "totp.remove": {"service_id": "s-1", "user_id": "u-1"},
}
# Those on the wire: the others are further ways to verify.
WIRE = tuple(name for name in OPERATIONS if not name.startswith("auth.verify_"))

# The columns of the retry table: what may be done twice, and what a server that declined for now
# may be asked again.
REPEATABLE = frozenset(
    {
        "services.get",
        "services.delete",
        "users.get",
        "users.get_all",
        "users.delete",
        "totp.remove",
    }
)
CREATING = frozenset({"services.create", "users.create", "totp.enrol"})

_SERVICE = {"id": "s-1", "ctime": "2017-09-15T06:44:15.274438", "name": "Example"}
_USER = {"id": "u-1", "ctime": "2017-09-15T06:44:15.274438", "id_in_service": "someone"}

# Status and body of a success.
SUCCESS: dict[str, tuple[int, Any]] = {
    "services.create": (201, _SERVICE),
    "services.get": (200, _SERVICE),
    "services.delete": (202, {}),
    "users.create": (201, _USER),
    "users.get": (200, _USER),
    "users.get_all": (200, {"users": [_USER], "totals": 1}),
    "users.delete": (202, {}),
    "auth.initiate": (201, {"method": "sms"}),
    "auth.verify": (200, {"verified": True, "method": "sms"}),
    "totp.enrol": (201, {"uri": "otpauth://totp/x", "secret": "JBSWY3DP", "qr": "data:,"}),
    "totp.confirm": (200, {"confirmed": True}),
    "totp.remove": (202, {}),
}


def wire_name(operation: str) -> str:
    """The name that errors and the server know an operation by."""
    return "auth.verify" if operation.startswith("auth.verify") else operation


def method(client: Api | AsyncApi, operation: str) -> Any:
    """The method of a client for an operation."""
    resource, name = operation.split(".")
    return getattr(getattr(client, resource), name)


def call(client: Api | AsyncApi, operation: str, **arguments: Any) -> Any:
    """Calls an operation and returns what it returned, whichever the client is."""
    reply = method(client, operation)(**arguments)
    return asyncio.run(reply) if isinstance(client, AsyncApi) else reply
