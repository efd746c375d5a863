"""The awaitable client. Each method makes a call, has it run, and names what comes back."""

from __future__ import annotations

from verigator import _core
from verigator._account import Account
from verigator._callers import AsyncCaller
from verigator._models import Enrolment, Service, User, verification

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType
    from typing import Literal

    from typing_extensions import Self

    from verigator._models import Verification


class AsyncServices:
    """Sites and apps whose users are verified. Reached as ``api.services``; awaited."""

    __slots__ = ("_caller",)

    def __init__(self, caller: AsyncCaller) -> None:
        self._caller = caller

    async def create(
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
        return Service(*(await self._caller.run(call, timeout, deadline, max_retries)))

    async def get(
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
        return Service(*(await self._caller.run(call, timeout, deadline, max_retries)))

    async def delete(
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
        await self._caller.run(call, timeout, deadline, max_retries)
        return True


class AsyncUsers:
    """The users of a service. Reached as ``api.users``; awaited."""

    __slots__ = ("_caller",)

    def __init__(self, caller: AsyncCaller) -> None:
        self._caller = caller

    async def create(
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
        return User(*(await self._caller.run(call, timeout, deadline, max_retries)))

    async def get(
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
        return User(*(await self._caller.run(call, timeout, deadline, max_retries)))

    async def get_all(
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
        users = await self._caller.run(call, timeout, deadline, max_retries)
        return [User(*user) for user in users]

    async def delete(
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
        await self._caller.run(call, timeout, deadline, max_retries)
        return True


class AsyncAuth:
    """Starting and checking an authentication. Reached as ``api.auth``; awaited."""

    __slots__ = ("_caller",)

    METHOD_SMS: Literal["sms"] = "sms"
    """A PIN in a text message."""

    METHOD_TOTP: Literal["totp"] = "totp"
    """A code from an authenticator app."""

    def __init__(self, caller: AsyncCaller) -> None:
        self._caller = caller

    async def initiate(
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
        return await self._caller.run(call, timeout, deadline, max_retries)

    async def verify(
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
        verified, _, _ = await self._caller.run(call, timeout, deadline, max_retries)
        return verified

    async def verify_detailed(
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
        return verification(await self._caller.run(call, timeout, deadline, max_retries))

    async def verify_or_raise(
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
        return verification(await self._caller.run(call, timeout, deadline, max_retries))


class AsyncTotp:
    """Authenticator apps, which self-hosted servers offer. Reached as ``api.totp``; awaited."""

    __slots__ = ("_caller",)

    def __init__(self, caller: AsyncCaller) -> None:
        self._caller = caller

    async def enrol(
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
        return Enrolment(*(await self._caller.run(call, timeout, deadline, max_retries)))

    async def confirm(
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
        return await self._caller.run(call, timeout, deadline, max_retries)

    async def remove(
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
        await self._caller.run(call, timeout, deadline, max_retries)
        return True


class AsyncApi(Account):
    """The Verigator API, awaited.

    Its names are those of ``Api``. It works from any event loop of asyncio, and one may serve
    several loops in several threads. It may be made outside a loop, and used before and after a
    ``fork``. ``async with AsyncApi(…) as api:`` closes it at the end; the options are described at
    ``__init__``.

    Cancelling a call drops its request and raises ``asyncio.CancelledError``; the client stays
    usable. That takes nothing back: the server may have acted already.

    ::

        async with AsyncApi("username", "password", "https://verigator.example.com") as api:
            service = await api.services.get(service_id)

    The services and users it returns are plain values, without calls of their own.

    Attributes:
        services: sites and apps whose users are verified.
        users: the users of a service.
        auth: starting and checking an authentication.
        totp: authenticator apps, which self-hosted servers offer.
    """

    services: AsyncServices
    users: AsyncUsers
    auth: AsyncAuth
    totp: AsyncTotp

    def _open(self, config: _core.Config) -> None:
        self._caller = AsyncCaller(config)
        self.services = AsyncServices(self._caller)
        self.users = AsyncUsers(self._caller)
        self.auth = AsyncAuth(self._caller)
        self.totp = AsyncTotp(self._caller)

    def close(self) -> None:
        """Closes idle connections and refuses later calls, with a ``ClientClosedError``. Calls that
        run go on. Closing again does nothing. It does not wait, so it may be called anywhere."""
        self._caller.client.close()

    async def aclose(self) -> None:
        """The same as ``close``, for code that closes everything by awaiting."""
        self.close()

    @property
    def closed(self) -> bool:
        """Whether it was closed."""
        return self._caller.client.closed

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()
