"""The blocking client. Each method makes a call, has it run, and names what comes back."""

from __future__ import annotations

from verigator import _core
from verigator._account import Account
from verigator._callers import Caller
from verigator._models import Enrolment, bound_service, bound_user, verification

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType
    from typing import Literal

    from typing_extensions import Self

    from verigator._models import Service, User, Verification


class Services:
    """Sites and apps whose users are verified. Reached as ``api.services``."""

    __slots__ = ("_caller",)

    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    def create(
        self,
        domain: str,
        name: str,
        *,
        timeout: float | None = None,
        deadline: float | None = None,
        max_retries: int | None = None,
    ) -> Service:
        """Creates a service.

        Args:
            domain: the domain that its users log in to.
            name: what its users see in their messages.
            timeout: seconds for one attempt, in place of the client's.
            deadline: seconds for the whole call, in place of the client's.
            max_retries: how often to send again, in place of the client's.

        Returns:
            The service. Keep its ``id``.

        Raises:
            ResourceAlreadyExistsError: the domain or the name is taken.
            InvalidDataError: the server refuses one of them.
            InvalidArgumentError: an argument has the wrong type or value; nothing was sent.
            TransportError: there was no answer: ``VerigatorConnectionError`` or
                ``VerigatorTimeoutError``.
            VerigatorError: any other failure, as its kind says.
        """
        call = _core.services_create(domain, name)
        return bound_service(self._caller.run(call, timeout, deadline, max_retries), self._caller)

    def get(
        self,
        id: str,
        *,
        timeout: float | None = None,
        deadline: float | None = None,
        max_retries: int | None = None,
    ) -> Service:
        """Fetches a service.

        Args:
            id: the service's id.
            timeout: seconds for one attempt, in place of the client's.
            deadline: seconds for the whole call, in place of the client's.
            max_retries: how often to send again, in place of the client's.

        Returns:
            The service.

        Raises:
            NoSuchResourceError: there is no such service.
            ResourceForbiddenError: the service belongs to another account.
            InvalidArgumentError: an argument has the wrong type or value; nothing was sent.
            TransportError: there was no answer: ``VerigatorConnectionError`` or
                ``VerigatorTimeoutError``.
            VerigatorError: any other failure, as its kind says.
        """
        call = _core.services_get(id)
        return bound_service(self._caller.run(call, timeout, deadline, max_retries), self._caller)

    def delete(
        self,
        id: str,
        *,
        timeout: float | None = None,
        deadline: float | None = None,
        max_retries: int | None = None,
    ) -> bool:
        """Deletes a service.

        Args:
            id: the service's id.
            timeout: seconds for one attempt, in place of the client's.
            deadline: seconds for the whole call, in place of the client's.
            max_retries: how often to send again, in place of the client's.

        Returns:
            True, always: what is not deleted raises.

        Raises:
            NoSuchResourceError: there is no such service.
            ResourceForbiddenError: the service belongs to another account.
            InvalidArgumentError: an argument has the wrong type or value; nothing was sent.
            TransportError: there was no answer: ``VerigatorConnectionError`` or
                ``VerigatorTimeoutError``.
            VerigatorError: any other failure, as its kind says.
        """
        call = _core.services_delete(id)
        self._caller.run(call, timeout, deadline, max_retries)
        return True


class Users:
    """The users of a service. Reached as ``api.users``."""

    __slots__ = ("_caller",)

    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    def create(
        self,
        service_id: str,
        number: str,
        username: str,
        *,
        timeout: float | None = None,
        deadline: float | None = None,
        max_retries: int | None = None,
    ) -> User:
        """Adds a user to a service.

        Args:
            service_id: the service's id.
            number: where PINs go, with the country's prefix: ``+3725555555``.
            username: what the user is called in your service, often an e-mail address.
            timeout: seconds for one attempt, in place of the client's.
            deadline: seconds for the whole call, in place of the client's.
            max_retries: how often to send again, in place of the client's.

        Returns:
            The user. Keep its ``id`` beside your own user.

        Raises:
            ResourceAlreadyExistsError: the username is taken in this service.
            InvalidDataError: the number is no phone number.
            NoSuchResourceError: there is no such service.
            InvalidArgumentError: an argument has the wrong type or value; nothing was sent.
            TransportError: there was no answer: ``VerigatorConnectionError`` or
                ``VerigatorTimeoutError``.
            VerigatorError: any other failure, as its kind says.
        """
        call = _core.users_create(service_id, number, username)
        del number, username  # no traceback that shows local variables shall show them
        user = self._caller.run(call, timeout, deadline, max_retries)
        return bound_user(user, self._caller, service_id)

    def get(
        self,
        service_id: str,
        id: str,
        *,
        timeout: float | None = None,
        deadline: float | None = None,
        max_retries: int | None = None,
    ) -> User:
        """Fetches a user.

        Args:
            service_id: the service's id.
            id: the user's id.
            timeout: seconds for one attempt, in place of the client's.
            deadline: seconds for the whole call, in place of the client's.
            max_retries: how often to send again, in place of the client's.

        Returns:
            The user.

        Raises:
            NoSuchResourceError: there is no such user or service.
            InvalidArgumentError: an argument has the wrong type or value; nothing was sent.
            TransportError: there was no answer: ``VerigatorConnectionError`` or
                ``VerigatorTimeoutError``.
            VerigatorError: any other failure, as its kind says.
        """
        call = _core.users_get(service_id, id)
        user = self._caller.run(call, timeout, deadline, max_retries)
        return bound_user(user, self._caller, service_id)

    def get_all(
        self,
        service_id: str,
        *,
        timeout: float | None = None,
        deadline: float | None = None,
        max_retries: int | None = None,
    ) -> list[User]:
        """Fetches all users of a service.

        Args:
            service_id: the service's id.
            timeout: seconds for one attempt, in place of the client's.
            deadline: seconds for the whole call, in place of the client's.
            max_retries: how often to send again, in place of the client's.

        Returns:
            The users.

        Raises:
            NoSuchResourceError: there is no such service.
            InvalidArgumentError: an argument has the wrong type or value; nothing was sent.
            TransportError: there was no answer: ``VerigatorConnectionError`` or
                ``VerigatorTimeoutError``.
            VerigatorError: any other failure, as its kind says.
        """
        call = _core.users_get_all(service_id)
        users = self._caller.run(call, timeout, deadline, max_retries)
        return [bound_user(user, self._caller, service_id) for user in users]

    def delete(
        self,
        service_id: str,
        id: str,
        *,
        timeout: float | None = None,
        deadline: float | None = None,
        max_retries: int | None = None,
    ) -> bool:
        """Deletes a user.

        Args:
            service_id: the service's id.
            id: the user's id.
            timeout: seconds for one attempt, in place of the client's.
            deadline: seconds for the whole call, in place of the client's.
            max_retries: how often to send again, in place of the client's.

        Returns:
            True, always: what is not deleted raises.

        Raises:
            NoSuchResourceError: there is no such user or service.
            InvalidArgumentError: an argument has the wrong type or value; nothing was sent.
            TransportError: there was no answer: ``VerigatorConnectionError`` or
                ``VerigatorTimeoutError``.
            VerigatorError: any other failure, as its kind says.
        """
        call = _core.users_delete(service_id, id)
        self._caller.run(call, timeout, deadline, max_retries)
        return True


class Auth:
    """Starting and checking an authentication. Reached as ``api.auth``."""

    __slots__ = ("_caller",)

    METHOD_SMS: Literal["sms"] = "sms"
    """A PIN in a text message."""

    METHOD_TOTP: Literal["totp"] = "totp"
    """A code from an authenticator app."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    def initiate(
        self,
        service_id: str,
        user_id: str,
        method: str,
        *,
        timeout: float | None = None,
        deadline: float | None = None,
        max_retries: int | None = None,
    ) -> str:
        """Starts an authentication: sends a PIN by SMS, or asks for a code of the authenticator.

        Args:
            service_id: the service's id.
            user_id: the user's id.
            method: ``METHOD_SMS``, or ``METHOD_TOTP``, which falls back to SMS when the user has no
                authenticator.
            timeout: seconds for one attempt, in place of the client's.
            deadline: seconds for the whole call, in place of the client's.
            max_retries: how often to send again, in place of the client's.

        Returns:
            The method that was really used, ``sms`` or ``totp``.

        Raises:
            ResourceAlreadyExistsError: a PIN went out a moment ago; see ``retry_after``.
            RateLimitError: too many were sent; see ``retry_after``.
            NoSuchResourceError: there is no such user or service.
            InvalidArgumentError: an argument has the wrong type or value; nothing was sent.
            TransportError: there was no answer: ``VerigatorConnectionError`` or
                ``VerigatorTimeoutError``.
            VerigatorError: any other failure, as its kind says.
        """
        call = _core.auth_initiate(service_id, user_id, method)
        return self._caller.run(call, timeout, deadline, max_retries)

    def verify(
        self,
        service_id: str,
        user_id: str,
        token: str,
        *,
        method: Literal["sms", "totp"] | None = None,
        timeout: float | None = None,
        deadline: float | None = None,
        max_retries: int | None = None,
    ) -> bool:
        """Checks what the user typed.

        Args:
            service_id: the service's id.
            user_id: the user's id.
            token: what the user typed, as text: it may begin with zeros.
            method: the method of the authentication, ``METHOD_SMS`` or ``METHOD_TOTP``; some
                servers want it. When None, the one that ``initiate`` of this client returned goes
                along, if it did.
            timeout: seconds for one attempt, in place of the client's.
            deadline: seconds for the whole call, in place of the client's.
            max_retries: how often to send again, in place of the client's.

        Returns:
            Whether to let the user in.

        Raises:
            NoSuchResourceError: no authentication was started, or there is no such user.
            InvalidArgumentError: an argument has the wrong type or value; nothing was sent.
            TransportError: there was no answer: ``VerigatorConnectionError`` or
                ``VerigatorTimeoutError``.
            VerigatorError: any other failure, as its kind says.
        """
        call = _core.auth_verify(service_id, user_id, token, method)
        del token  # no traceback that shows local variables shall show it
        verified, _, _ = self._caller.run(call, timeout, deadline, max_retries)
        return verified

    def verify_detailed(
        self,
        service_id: str,
        user_id: str,
        token: str,
        *,
        method: Literal["sms", "totp"] | None = None,
        timeout: float | None = None,
        deadline: float | None = None,
        max_retries: int | None = None,
    ) -> Verification:
        """Checks what the user typed, and tells why it was not accepted.

        Args:
            service_id: the service's id.
            user_id: the user's id.
            token: what the user typed, as text: it may begin with zeros.
            method: the method of the authentication, ``METHOD_SMS`` or ``METHOD_TOTP``; some
                servers want it. When None, the one that ``initiate`` of this client returned goes
                along, if it did.
            timeout: seconds for one attempt, in place of the client's.
            deadline: seconds for the whole call, in place of the client's.
            max_retries: how often to send again, in place of the client's.

        Returns:
            What the server says. It is true only when the user may be let in.

        Raises:
            NoSuchResourceError: no authentication was started, or there is no such user.
            InvalidArgumentError: an argument has the wrong type or value; nothing was sent.
            TransportError: there was no answer: ``VerigatorConnectionError`` or
                ``VerigatorTimeoutError``.
            VerigatorError: any other failure, as its kind says.
        """
        call = _core.auth_verify(service_id, user_id, token, method)
        del token  # no traceback that shows local variables shall show it
        return verification(self._caller.run(call, timeout, deadline, max_retries))

    def verify_or_raise(
        self,
        service_id: str,
        user_id: str,
        token: str,
        *,
        method: Literal["sms", "totp"] | None = None,
        timeout: float | None = None,
        deadline: float | None = None,
        max_retries: int | None = None,
    ) -> Verification:
        """Checks what the user typed, and raises unless it is right.

        Args:
            service_id: the service's id.
            user_id: the user's id.
            token: what the user typed, as text: it may begin with zeros.
            method: the method of the authentication, ``METHOD_SMS`` or ``METHOD_TOTP``; some
                servers want it. When None, the one that ``initiate`` of this client returned goes
                along, if it did.
            timeout: seconds for one attempt, in place of the client's.
            deadline: seconds for the whole call, in place of the client's.
            max_retries: how often to send again, in place of the client's.

        Returns:
            What the server says; it is verified.

        Raises:
            NotVerifiedError: it is wrong, too old, or one try too many.
            NoSuchResourceError: no authentication was started, or there is no such user.
            InvalidArgumentError: an argument has the wrong type or value; nothing was sent.
            TransportError: there was no answer: ``VerigatorConnectionError`` or
                ``VerigatorTimeoutError``.
            VerigatorError: any other failure, as its kind says.
        """
        call = _core.auth_verify_or_error(service_id, user_id, token, method)
        del token  # no traceback that shows local variables shall show it
        return verification(self._caller.run(call, timeout, deadline, max_retries))


class Totp:
    """Authenticator apps, which self-hosted servers offer. Reached as ``api.totp``."""

    __slots__ = ("_caller",)

    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    def enrol(
        self,
        service_id: str,
        user_id: str,
        *,
        timeout: float | None = None,
        deadline: float | None = None,
        max_retries: int | None = None,
    ) -> Enrolment:
        """Makes a secret for the user's authenticator app. It counts once a code confirms it.

        Args:
            service_id: the service's id.
            user_id: the user's id.
            timeout: seconds for one attempt, in place of the client's.
            deadline: seconds for the whole call, in place of the client's.
            max_retries: how often to send again, in place of the client's.

        Returns:
            The secret, which the server shows this once.

        Raises:
            ResourceAlreadyExistsError: the user has an authenticator already.
            NoSuchResourceError: there is no such user or service.
            InvalidArgumentError: an argument has the wrong type or value; nothing was sent.
            TransportError: there was no answer: ``VerigatorConnectionError`` or
                ``VerigatorTimeoutError``.
            VerigatorError: any other failure, as its kind says.
        """
        call = _core.totp_enrol(service_id, user_id)
        return Enrolment(*self._caller.run(call, timeout, deadline, max_retries))

    def confirm(
        self,
        service_id: str,
        user_id: str,
        token: str,
        *,
        timeout: float | None = None,
        deadline: float | None = None,
        max_retries: int | None = None,
    ) -> bool:
        """Puts the authenticator in force with a first code of it.

        Args:
            service_id: the service's id.
            user_id: the user's id.
            token: the code that the app shows.
            timeout: seconds for one attempt, in place of the client's.
            deadline: seconds for the whole call, in place of the client's.
            max_retries: how often to send again, in place of the client's.

        Returns:
            Whether the code was right.

        Raises:
            NoSuchResourceError: nothing was enrolled, or there is no such user.
            InvalidArgumentError: an argument has the wrong type or value; nothing was sent.
            TransportError: there was no answer: ``VerigatorConnectionError`` or
                ``VerigatorTimeoutError``.
            VerigatorError: any other failure, as its kind says.
        """
        call = _core.totp_confirm(service_id, user_id, token)
        del token  # no traceback that shows local variables shall show it
        return self._caller.run(call, timeout, deadline, max_retries)

    def remove(
        self,
        service_id: str,
        user_id: str,
        *,
        timeout: float | None = None,
        deadline: float | None = None,
        max_retries: int | None = None,
    ) -> bool:
        """Takes the user's authenticator away. PINs go by SMS then.

        Args:
            service_id: the service's id.
            user_id: the user's id.
            timeout: seconds for one attempt, in place of the client's.
            deadline: seconds for the whole call, in place of the client's.
            max_retries: how often to send again, in place of the client's.

        Returns:
            True, always: what is not removed raises.

        Raises:
            NoSuchResourceError: the user has none, or there is no such user.
            InvalidArgumentError: an argument has the wrong type or value; nothing was sent.
            TransportError: there was no answer: ``VerigatorConnectionError`` or
                ``VerigatorTimeoutError``.
            VerigatorError: any other failure, as its kind says.
        """
        call = _core.totp_remove(service_id, user_id)
        self._caller.run(call, timeout, deadline, max_retries)
        return True


class Api(Account):
    """The Verigator API, waiting.

    Threads share one. It may be used before and after a ``fork``: the child gets connections of its
    own. Waiting releases the GIL, and Ctrl-C ends it. ``with Api(…) as api:`` closes it at the end;
    the options are described at ``__init__``.

    ::

        api = Api("username", "password", "https://verigator.example.com")
        service = api.services.create("example.com", "Example")
        user = api.users.create(service.id, "+3725555555", "john.doe@example.com")
        api.auth.initiate(service.id, user.id, api.auth.METHOD_SMS)
        if api.auth.verify(service.id, user.id, input("PIN: ")):
            print("welcome")

    Attributes:
        services: sites and apps whose users are verified.
        users: the users of a service.
        auth: starting and checking an authentication.
        totp: authenticator apps, which self-hosted servers offer.

    A call is never repeated when that could send a second message or use up a second try; an
    error's ``outcome`` and ``safe_to_retry`` say what may have happened.
    """

    services: Services
    users: Users
    auth: Auth
    totp: Totp

    def _open(self, config: _core.Config) -> None:
        self._caller = Caller(config)
        self.services = Services(self._caller)
        self.users = Users(self._caller)
        self.auth = Auth(self._caller)
        self.totp = Totp(self._caller)

    def close(self) -> None:
        """Closes idle connections and refuses later calls, with a ``ClientClosedError``. Calls that
        run go on. Closing again does nothing."""
        self._caller.client.close()

    @property
    def closed(self) -> bool:
        """Whether it was closed."""
        return self._caller.client.closed

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()
