"""The resources of a client, where they were found before. A client makes its own; these names are
for annotations."""

from verigator._api import Auth, Services, Totp, Users
from verigator._async_api import AsyncAuth, AsyncServices, AsyncTotp, AsyncUsers

__all__ = [
    "AsyncAuth",
    "AsyncServices",
    "AsyncTotp",
    "AsyncUsers",
    "Auth",
    "Services",
    "Totp",
    "Users",
]
