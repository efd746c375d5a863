"""The exceptions, where they were found before."""

from verigator import (
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

__all__ = [
    "ClientClosedError",
    "ConfigurationError",
    "InternalError",
    "InvalidArgumentError",
    "InvalidDataError",
    "InvalidResponseError",
    "NoSuchResourceError",
    "NotVerifiedError",
    "RateLimitError",
    "ResourceAlreadyExistsError",
    "ResourceForbiddenError",
    "TransportError",
    "VerigatorConnectionError",
    "VerigatorError",
    "VerigatorTimeoutError",
    "WrongCredentialsError",
]
