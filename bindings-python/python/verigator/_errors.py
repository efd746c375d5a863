"""The exceptions. Which one stands for what is decided in the native part; nothing here knows why
a call failed. No exception holds a password, a PIN, a phone number or a body."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Literal

    Outcome = Literal["not_sent", "unknown", "rejected", "accepted"]


class VerigatorError(Exception):
    """The base of all errors of this library, and itself the error for a status that has no class
    of its own. ``str(error)`` is the message.

    It pickles and deep-copies with all its fields, which every error has:

    Attributes:
        code: the HTTP status; 0 when there was no answer.
        message: what happened, for people.
        error_code: a stable word for programs: the server's own, such as ``user_not_found``, else
            one for the kind of error, such as ``no_such_resource``.
        operation: the call that failed, such as ``auth.initiate``; None when there was none.
        attempts: how many times the request was tried.
        retry_after: the seconds that the server asks to wait, or None.
        request_id: the server's name for the request, to quote in a support case, or None.
        outcome: what the server may have done: ``not_sent`` (nothing, the request never left),
            ``unknown`` (perhaps something), ``rejected`` (nothing, it said so) or ``accepted``
            (it acted).
        safe_to_retry: whether the same call again may succeed and cannot act twice.
    """

    code: int
    message: str
    error_code: str | None
    operation: str | None
    attempts: int
    retry_after: float | None
    request_id: str | None
    outcome: Outcome
    safe_to_retry: bool

    def __init__(
        self,
        code: int,
        message: str,
        *,
        error_code: str | None = None,
        operation: str | None = None,
        attempts: int = 0,
        retry_after: float | None = None,
        request_id: str | None = None,
        outcome: Outcome = "not_sent",
        safe_to_retry: bool = False,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.error_code = error_code
        self.operation = operation
        self.attempts = attempts
        self.retry_after = retry_after
        self.request_id = request_id
        self.outcome = outcome
        self.safe_to_retry = safe_to_retry

    def __str__(self) -> str:
        return self.message

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.code!r}, {self.message!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        # Not through __init__, whose arguments a subclass may have changed.
        return _restored, (type(self), self.args), self.__dict__


def _restored(cls: type[VerigatorError], args: tuple[object, ...]) -> VerigatorError:
    error = cls.__new__(cls, *args)
    error.args = args
    return error


class InvalidDataError(VerigatorError):
    """400 or 422: the server found a field missing or malformed."""


class WrongCredentialsError(VerigatorError):
    """401: username or password are wrong."""


class ResourceForbiddenError(VerigatorError):
    """403: the service belongs to another account."""


class NoSuchResourceError(VerigatorError):
    """404 or 410: there is no such service or user, or no authentication was started."""


class ResourceAlreadyExistsError(VerigatorError):
    """409: the name is taken, or a PIN went out a moment ago (then with ``retry_after``)."""


class RateLimitError(VerigatorError):
    """429: a sending or guessing budget is used up."""


class InternalError(VerigatorError):
    """5xx: the server failed."""


class InvalidResponseError(VerigatorError):
    """The answer says success, but is not the JSON it should be, or is over 1 MiB."""


class TransportError(VerigatorError):
    """There was no answer. ``outcome`` says whether the request may have arrived."""


class VerigatorConnectionError(TransportError, ConnectionError):
    """The server could not be reached, or the connection broke. Also a ``ConnectionError``."""


class VerigatorTimeoutError(TransportError, TimeoutError):
    """There was no answer in time. Also a ``TimeoutError``."""


class NotVerifiedError(VerigatorError):
    """``verify_or_raise`` and a PIN or code that is not right."""


class InvalidArgumentError(VerigatorError, ValueError):
    """An argument was refused, for its type or value; nothing was sent. Also a ``ValueError``."""


class ConfigurationError(VerigatorError, ValueError):
    """An option was refused, or a model has no client to call. Also a ``ValueError``."""


class ClientClosedError(VerigatorError, RuntimeError):
    """The client is closed, or the interpreter is ending. Also a ``RuntimeError``."""
