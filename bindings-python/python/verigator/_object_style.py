"""The account of the object style, where calls are made on services and users themselves, as the
Java examples of the documents do. Everything goes through the same calls as ``Api``."""

from __future__ import annotations

from verigator import _core
from verigator._account import Account
from verigator._callers import Caller
from verigator._models import bound_service

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self

    from verigator._models import Service


class Verigator(Account):
    """The account: where services come from. Blocking, like ``Api``, with the same options.

    ::

        verigator = Verigator("username", "password", "https://verigator.example.com")
        service = Service.get(verigator, service_id)
        user = service.register_user("john.doe@example.com", "+3725555555")
        user.authenticate_using_sms()
        if user.verify_pin(input("PIN: ")).is_verified():
            print("welcome")

    The names of the Java examples work, too: ``registerUser``, ``authenticateUsingSMS``,
    ``authenticateUsingTotp``, ``verifyPin``, ``isVerified``, ``createService``, ``getService``,
    ``getUser``, ``getUsers``.
    """

    def _open(self, config: _core.Config) -> None:
        self._caller = Caller(config)

    def create_service(
        self,
        name: str,
        fqdn: str,
        *,
        timeout: float | None = None,
        deadline: float | None = None,
        max_retries: int | None = None,
    ) -> Service:
        """Creates a service.

        Args:
            name: what its users see in their messages.
            fqdn: the domain that its users log in to.
            timeout: seconds for one attempt, in place of the client's.
            deadline: seconds for the whole call, in place of the client's.
            max_retries: how often to send again, in place of the client's.

        Returns:
            The service. Keep its ``id``.

        Raises:
            ResourceAlreadyExistsError: the domain or the name is taken.
            InvalidArgumentError: an argument has the wrong type or value; nothing was sent.
            VerigatorError: any other failure, as its kind says.
        """
        call = _core.services_create(fqdn, name)
        return bound_service(self._caller.run(call, timeout, deadline, max_retries), self._caller)

    createService = create_service
    """The same under its Java name."""

    def get_service(
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

        Raises:
            NoSuchResourceError: there is none with this id.
            ResourceForbiddenError: it belongs to another account.
            InvalidArgumentError: the id has the wrong type or value; nothing was sent.
            VerigatorError: any other failure, as its kind says.
        """
        call = _core.services_get(id)
        return bound_service(self._caller.run(call, timeout, deadline, max_retries), self._caller)

    getService = get_service
    """The same under its Java name."""

    def close(self) -> None:
        """Closes idle connections and refuses later calls, also those of its services and users,
        with a ``ClientClosedError``. Calls that run go on. Closing again does nothing."""
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
