"""Two-factor phone verification: add a user, send a PIN by SMS or ask an authenticator app, and
check what the user typed.

::

    from verigator import Api

    api = Api("username", "password", "https://verigator.example.com")
    service = api.services.create("example.com", "Example")
    user = api.users.create(service.id, "+3725555555", "john.doe@example.com")
    api.auth.initiate(service.id, user.id, api.auth.METHOD_SMS)
    if api.auth.verify(service.id, user.id, input("PIN: ")):
        print("welcome")

``AsyncApi`` is the same to be awaited, ``Verigator`` the same in the style of objects. Every
failure is a ``VerigatorError``. ``verigator.testing`` has a real server for tests. Importing this
starts nothing and connects to nothing."""

from verigator._api import Api
from verigator._async_api import AsyncApi
from verigator._core import DEFAULT_ENDPOINT, __version__
from verigator._errors import (
    ClientClosedError,
    ConfigurationError,
    InternalError,
    InvalidArgumentError,
    InvalidDataError,
    InvalidResponseError,
    NoSuchResourceError,
    NotVerifiedError,
    RateLimitError,
    ResourceAlreadyExistsError,
    ResourceForbiddenError,
    TransportError,
    VerigatorConnectionError,
    VerigatorError,
    VerigatorTimeoutError,
    WrongCredentialsError,
)
from verigator._models import Enrolment, Service, User, Verification, VerificationStatus
from verigator._object_style import Verigator

__all__ = [
    "DEFAULT_ENDPOINT",
    "Api",
    "AsyncApi",
    "ClientClosedError",
    "ConfigurationError",
    "Enrolment",
    "InternalError",
    "InvalidArgumentError",
    "InvalidDataError",
    "InvalidResponseError",
    "NoSuchResourceError",
    "NotVerifiedError",
    "RateLimitError",
    "ResourceAlreadyExistsError",
    "ResourceForbiddenError",
    "Service",
    "TransportError",
    "User",
    "Verification",
    "VerificationStatus",
    "Verigator",
    "VerigatorConnectionError",
    "VerigatorError",
    "VerigatorTimeoutError",
    "WrongCredentialsError",
    "__version__",
]
