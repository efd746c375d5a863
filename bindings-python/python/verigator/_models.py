"""What calls return: values that can be compared, hashed, copied and pickled, and that show nothing
secret. A service or a user that came from a blocking client also has calls of its own; the client
behind them is no part of the value."""

from __future__ import annotations

from verigator import _core
from verigator._callers import Caller
from verigator._errors import ConfigurationError, InvalidArgumentError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from datetime import datetime
    from typing import Any

    from typing_extensions import Self

    from verigator._api import Api
    from verigator._object_style import Verigator


class _Value:
    """Compared by the fields that it names."""

    __slots__ = ("__weakref__",)
    #: The same as ``__match_args__``, whose type checkers want to read from each class alone.
    _names: tuple[str, ...] = ()

    def _fields(self) -> tuple[Any, ...]:
        return tuple(getattr(self, name) for name in self._names)

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return self._fields() == other._fields()

    def __hash__(self) -> int:
        return hash((type(self), self._fields()))

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={getattr(self, name)!r}" for name in self._names)
        return f"{type(self).__name__}({shown})"

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), self._fields()

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: object) -> Self:
        return self


class Service(_Value):
    """A site or app whose users are verified.

    From ``Verigator`` or a blocking ``Api`` it can be called: ``register_user``, ``get_user``,
    ``get_users``, ``delete``. From ``AsyncApi`` or a pickle it is a plain value, and those raise a
    ``ConfigurationError``. Each call takes ``timeout``, ``deadline`` and ``max_retries`` for itself
    and raises what the same call of ``Api`` raises.

    Args:
        id: the id to pass to every other call.
        creation_time: when it was created, as the server wrote it.
        name: the name that its users see in their messages.
    """

    __slots__ = ("_caller", "_creation_time", "_id", "_name")
    __match_args__ = _names = ("id", "creation_time", "name")

    def __init__(self, id: str, creation_time: str, name: str) -> None:
        self._id = id
        self._creation_time = creation_time
        self._name = name
        self._caller: Caller | None = None

    @property
    def id(self) -> str:
        """The id to pass to every other call."""
        return self._id

    @property
    def creation_time(self) -> str:
        """When it was created, as the server wrote it; see ``created_at``."""
        return self._creation_time

    @property
    def name(self) -> str:
        """The name that its users see in their messages."""
        return self._name

    @property
    def created_at(self) -> datetime | None:
        """When it was created, in UTC; None when the server's text is not a time."""
        return _time(self._creation_time)

    @classmethod
    def get(
        cls,
        verigator: Verigator | Api,
        id: str,
        *,
        timeout: float | None = None,
        deadline: float | None = None,
        max_retries: int | None = None,
    ) -> Service:
        """Fetches a service; the same as ``verigator.get_service(id)``.

        Args:
            verigator: the account: a ``Verigator`` or an ``Api``.
            id: the service's id.

        Raises:
            NoSuchResourceError: there is none with this id.
            InvalidArgumentError: ``verigator`` is something else, or the id is no id.
            VerigatorError: any other failure, as its kind says.
        """
        caller = getattr(verigator, "_caller", None)
        if not isinstance(caller, Caller):
            raise InvalidArgumentError(
                0,
                f"verigator must be a Verigator or an Api, not {type(verigator).__name__}",
                error_code="invalid_argument",
                operation="services.get",
            )
        return bound_service(
            caller.run(_core.services_get(id), timeout, deadline, max_retries), caller
        )

    def register_user(
        self,
        username: str,
        phone_number: str,
        *,
        timeout: float | None = None,
        deadline: float | None = None,
        max_retries: int | None = None,
    ) -> User:
        """Adds a user.

        Args:
            username: what the user is called in your service, often an e-mail address.
            phone_number: where PINs go, with the country's prefix: ``+3725555555``.

        Returns:
            The user. Keep its ``id`` beside your own user.

        Raises:
            ResourceAlreadyExistsError: the username is taken.
            InvalidDataError: the number is no phone number.
            ConfigurationError: this service has no client.
            VerigatorError: any other failure, as its kind says.
        """
        caller = _connected(self, self._caller, "api.services.get(id)")
        call = _core.users_create(self._id, phone_number, username)
        del phone_number, username  # no traceback that shows local variables shall show them
        return bound_user(caller.run(call, timeout, deadline, max_retries), caller, self._id)

    registerUser = register_user
    """The same under the name it has in the Java examples of the documents."""

    def get_user(
        self,
        id: str,
        *,
        timeout: float | None = None,
        deadline: float | None = None,
        max_retries: int | None = None,
    ) -> User:
        """Fetches a user.

        Raises:
            NoSuchResourceError: there is none with this id in this service.
            ConfigurationError: this service has no client.
            VerigatorError: any other failure, as its kind says.
        """
        caller = _connected(self, self._caller, "api.services.get(id)")
        call = _core.users_get(self._id, id)
        return bound_user(caller.run(call, timeout, deadline, max_retries), caller, self._id)

    getUser = get_user
    """The same under its Java name."""

    def get_users(
        self,
        *,
        timeout: float | None = None,
        deadline: float | None = None,
        max_retries: int | None = None,
    ) -> list[User]:
        """Fetches all users of this service.

        Raises:
            ConfigurationError: this service has no client.
            VerigatorError: any other failure, as its kind says.
        """
        caller = _connected(self, self._caller, "api.services.get(id)")
        users = caller.run(_core.users_get_all(self._id), timeout, deadline, max_retries)
        return [bound_user(user, caller, self._id) for user in users]

    getUsers = get_users
    """The same under its Java name."""

    def delete(
        self,
        *,
        timeout: float | None = None,
        deadline: float | None = None,
        max_retries: int | None = None,
    ) -> bool:
        """Deletes this service on the server.

        Returns:
            True, always.

        Raises:
            ConfigurationError: this service has no client.
            VerigatorError: any other failure, as its kind says.
        """
        caller = _connected(self, self._caller, "api.services.get(id)")
        caller.run(_core.services_delete(self._id), timeout, deadline, max_retries)
        return True


class User(_Value):
    """Somebody who can be verified. The phone number stays on the server, and ``repr`` shows only
    the first two characters of the username.

    From ``Verigator``, a ``Service`` or a blocking ``Api`` it can be called:
    ``authenticate_using_sms``, ``authenticate_using_totp``, ``verify_pin``, ``delete``. From
    ``AsyncApi`` or a pickle it is a plain value, and those raise a ``ConfigurationError``. Each
    call takes ``timeout``, ``deadline`` and ``max_retries`` for itself and raises what the same
    call of ``Api`` raises.

    Args:
        id: the id to keep beside your own user.
        creation_time: when it was created, as the server wrote it.
        username: what the user is called in your service.
    """

    __slots__ = ("_caller", "_creation_time", "_id", "_service_id", "_username")
    __match_args__ = _names = ("id", "creation_time", "username")

    def __init__(self, id: str, creation_time: str, username: str) -> None:
        self._id = id
        self._creation_time = creation_time
        self._username = username
        self._caller: Caller | None = None
        self._service_id = ""

    @property
    def id(self) -> str:
        """The id to keep beside your own user."""
        return self._id

    @property
    def creation_time(self) -> str:
        """When it was created, as the server wrote it; see ``created_at``."""
        return self._creation_time

    @property
    def username(self) -> str:
        """What the user is called in your service."""
        return self._username

    @property
    def created_at(self) -> datetime | None:
        """When it was created, in UTC; None when the server's text is not a time."""
        return _time(self._creation_time)

    def __repr__(self) -> str:
        username = f"{self._username[:2]}•••"
        return (
            f"{type(self).__name__}(id={self._id!r}, creation_time={self._creation_time!r}, "
            f"username={username!r})"
        )

    def authenticate_using_sms(
        self,
        *,
        timeout: float | None = None,
        deadline: float | None = None,
        max_retries: int | None = None,
    ) -> str:
        """Sends a PIN by SMS.

        Returns:
            The method that was used: ``sms``.

        Raises:
            ResourceAlreadyExistsError: a PIN went out a moment ago; see ``retry_after``.
            RateLimitError: too many were sent; see ``retry_after``.
            ConfigurationError: this user has no client.
            VerigatorError: any other failure, as its kind says.
        """
        return self._authenticate("sms", timeout, deadline, max_retries)

    authenticateUsingSMS = authenticate_using_sms
    """The same under the name it has in the Java examples of the documents."""

    def authenticate_using_totp(
        self,
        *,
        timeout: float | None = None,
        deadline: float | None = None,
        max_retries: int | None = None,
    ) -> str:
        """Asks for a code of the user's authenticator, or sends a PIN by SMS when there is none.

        Returns:
            The method that was really used: ``totp`` or ``sms``.

        Raises:
            ResourceAlreadyExistsError: a PIN went out a moment ago; see ``retry_after``.
            RateLimitError: too many were sent; see ``retry_after``.
            ConfigurationError: this user has no client.
            VerigatorError: any other failure, as its kind says.
        """
        return self._authenticate("totp", timeout, deadline, max_retries)

    authenticateUsingTotp = authenticate_using_totp
    """The same under the name it has in the Java examples of the documents."""

    def _authenticate(
        self,
        method: str,
        timeout: float | None,
        deadline: float | None,
        max_retries: int | None,
    ) -> str:
        caller = _connected(self, self._caller, "api.users.get(service_id, id)")
        call = _core.auth_initiate(self._service_id, self._id, method)
        return caller.run(call, timeout, deadline, max_retries)

    def verify_pin(
        self,
        pin: str,
        *,
        timeout: float | None = None,
        deadline: float | None = None,
        max_retries: int | None = None,
    ) -> Verification:
        """Checks what the user typed.

        Args:
            pin: the PIN or code, as text: it may begin with zeros.

        Returns:
            What the server says of it. A wrong PIN is no error: ask ``is_verified()``.

        Raises:
            NoSuchResourceError: no authentication was started.
            ConfigurationError: this user has no client.
            VerigatorError: any other failure, as its kind says.
        """
        caller = _connected(self, self._caller, "api.users.get(service_id, id)")
        call = _core.auth_verify(self._service_id, self._id, pin, None)
        del pin  # no traceback that shows local variables shall show it
        return verification(caller.run(call, timeout, deadline, max_retries))

    verifyPin = verify_pin
    """The same under the name it has in the Java examples of the documents."""

    def delete(
        self,
        *,
        timeout: float | None = None,
        deadline: float | None = None,
        max_retries: int | None = None,
    ) -> bool:
        """Deletes this user on the server.

        Returns:
            True, always.

        Raises:
            ConfigurationError: this user has no client.
            VerigatorError: any other failure, as its kind says.
        """
        caller = _connected(self, self._caller, "api.users.get(service_id, id)")
        caller.run(_core.users_delete(self._service_id, self._id), timeout, deadline, max_retries)
        return True


class VerificationStatus(_Value):
    """Why a PIN or a code was not accepted."""

    __slots__ = ("_expired", "_invalid", "_result", "_throttled")
    __match_args__ = _names = ("throttled", "expired", "invalid", "result")

    def __init__(
        self,
        throttled: bool = False,
        expired: bool = False,
        invalid: bool = False,
        result: str = "",
    ) -> None:
        self._throttled = throttled
        self._expired = expired
        self._invalid = invalid
        self._result = result

    @property
    def throttled(self) -> bool:
        """Too many wrong tries: nothing is accepted until a new PIN is sent."""
        return self._throttled

    @property
    def expired(self) -> bool:
        """The PIN is too old."""
        return self._expired

    @property
    def invalid(self) -> bool:
        """It is not the PIN that was sent."""
        return self._invalid

    @property
    def result(self) -> str:
        """``INVALID``, ``EXPIRED`` or ``THROTTLED``."""
        return self._result


class Verification(_Value):
    """What the server says of a PIN or a code. It is true only when that was right, so that
    ``if user.verify_pin(pin):`` lets nobody else in."""

    __slots__ = ("_method", "_status", "_verified")
    __match_args__ = _names = ("verified", "method", "status")

    def __init__(
        self,
        verified: bool,
        method: str | None = None,
        status: VerificationStatus | None = None,
    ) -> None:
        self._verified = verified
        self._method = method
        self._status = status

    @property
    def verified(self) -> bool:
        """Whether to let the user in."""
        return self._verified

    @property
    def method(self) -> str | None:
        """The method of the authentication, ``sms`` or ``totp``, when the server names it."""
        return self._method

    @property
    def status(self) -> VerificationStatus | None:
        """Why not, when the server says."""
        return self._status

    def is_verified(self) -> bool:
        """Whether to let the user in; the same as ``verified``."""
        return self._verified

    isVerified = is_verified
    """The same under the name it has in the Java examples of the documents."""

    def __bool__(self) -> bool:
        return self._verified


class Enrolment(_Value):
    """A new authenticator's secret. The server shows it this once; ``repr`` never does."""

    __slots__ = ("_qr", "_secret", "_uri")
    __match_args__ = _names = ("uri", "secret", "qr")

    def __init__(self, uri: str, secret: str, qr: str) -> None:
        self._uri = uri
        self._secret = secret
        self._qr = qr

    @property
    def uri(self) -> str:
        """The ``otpauth://totp/…`` address that an authenticator app takes."""
        return self._uri

    @property
    def secret(self) -> str:
        """The secret in Base32, for typing."""
        return self._secret

    @property
    def qr(self) -> str:
        """The address as a QR code: a ``data:image/svg+xml;base64,…`` URL."""
        return self._qr

    def __repr__(self) -> str:
        return "Enrolment([redacted])"


def bound_service(fields: tuple[str, str, str], caller: Caller | None) -> Service:
    """A service of a reply, with the caller for its own calls."""
    service = Service(*fields)
    service._caller = caller
    return service


def bound_user(fields: tuple[str, str, str], caller: Caller | None, service_id: str) -> User:
    """A user of a reply, with the caller for its own calls and the service they name."""
    user = User(*fields)
    user._caller = caller
    user._service_id = service_id
    return user


def verification(
    fields: tuple[bool, str | None, tuple[bool, bool, bool, str] | None],
) -> Verification:
    """A verification of a reply."""
    verified, method, status = fields
    return Verification(verified, method, None if status is None else VerificationStatus(*status))


def _connected(model: Service | User, caller: Caller | None, source: str) -> Caller:
    if caller is None:
        raise ConfigurationError(
            0,
            f"this {type(model).__name__} has no client to call: it came from AsyncApi or a "
            "pickle, or was made by hand. Call the api with its id, or fetch it again with "
            f"{source} of a blocking Api",
            error_code="configuration",
        )
    return caller


def _time(text: str) -> datetime | None:
    from datetime import datetime, timezone

    # CPython 3.10 takes neither Z nor any number of decimals.
    seconds, point, rest = text.partition(".")
    if point:
        zone = rest.lstrip("0123456789")
        decimals = rest[: len(rest) - len(zone)]
        text = f"{seconds}.{decimals[:6]:0<6}{zone}"
    if text[-1:] in ("Z", "z"):
        text = text[:-1] + "+00:00"
    try:
        time = datetime.fromisoformat(text)
        return (
            time.replace(tzinfo=timezone.utc)
            if time.tzinfo is None
            else time.astimezone(timezone.utc)
        )
    except (ValueError, OverflowError):
        return None
