"""The native part. Private; plain values in, plain values out."""

import os
from asyncio import Future
from typing import Any, Generic, TypeAlias, TypeVar, final

_T_co = TypeVar("_T_co", covariant=True)
_T = TypeVar("_T")

# The fields of a model, in the order of its constructor.
_Service: TypeAlias = tuple[str, str, str]
_User: TypeAlias = tuple[str, str, str]
_Verification: TypeAlias = tuple[bool, str | None, tuple[bool, bool, bool, str] | None]
_Enrolment: TypeAlias = tuple[str, str, str]
# To, text, PIN, microseconds since 1970.
_Message: TypeAlias = tuple[str, str, str, int]

__all__ = [
    "DEFAULT_ENDPOINT",
    "AsyncClient",
    "BlockingClient",
    "Bridge",
    "Call",
    "Config",
    "Sandbox",
    "__version__",
    "auth_initiate",
    "auth_verify",
    "auth_verify_or_error",
    "error_kinds",
    "services_create",
    "services_delete",
    "services_get",
    "totp_confirm",
    "totp_enrol",
    "totp_remove",
    "users_create",
    "users_delete",
    "users_get",
    "users_get_all",
]

__version__: str
DEFAULT_ENDPOINT: str

@final
class Call(Generic[_T_co]):
    """An operation with its arguments; ``repr`` shows the operation alone. Arguments of the wrong
    type are refused by the client that runs it."""

    @property
    def operation(self) -> str: ...

def services_create(domain: str, name: str) -> Call[_Service]: ...
def services_get(id: str) -> Call[_Service]: ...
def services_delete(id: str) -> Call[None]: ...
def users_get_all(service_id: str) -> Call[list[_User]]: ...
def users_create(service_id: str, number: str, username: str) -> Call[_User]: ...
def users_get(service_id: str, id: str) -> Call[_User]: ...
def users_delete(service_id: str, id: str) -> Call[None]: ...
def auth_initiate(service_id: str, user_id: str, method: str) -> Call[str]: ...
def auth_verify(
    service_id: str, user_id: str, token: str, method: str | None
) -> Call[_Verification]: ...
def auth_verify_or_error(
    service_id: str, user_id: str, token: str, method: str | None
) -> Call[_Verification]: ...
def totp_enrol(service_id: str, user_id: str) -> Call[_Enrolment]: ...
def totp_confirm(service_id: str, user_id: str, token: str) -> Call[bool]: ...
def totp_remove(service_id: str, user_id: str) -> Call[None]: ...
def error_kinds() -> list[tuple[str, str]]:
    """The table of errors: the word and the class of every kind."""

@final
class Config:
    """Options that were checked."""

    def __new__(
        cls,
        username: str | None,
        password: str | None,
        endpoint: str | None,
        timeout: float | None,
        connect_timeout: float | None,
        deadline: float | None,
        max_retries: int | None,
        idempotency: str | None,
        pool_idle_timeout: float | None,
        proxy: str | None,
        ca_bundle: str | os.PathLike[str] | bytes | None,
        app_info: str | None,
        allow_insecure_http: bool,
    ) -> Config: ...
    @property
    def username(self) -> str: ...
    @property
    def endpoint(self) -> str: ...

@final
class BlockingClient:
    """Runs calls on the calling thread."""

    def __new__(cls, config: Config) -> BlockingClient: ...
    def call(
        self,
        call: Call[_T],
        timeout: float | None,
        deadline: float | None,
        max_retries: int | None,
    ) -> _T: ...
    def close(self) -> None: ...
    @property
    def closed(self) -> bool: ...

@final
class AsyncClient:
    """Runs calls on the background worker."""

    def __new__(cls, config: Config) -> AsyncClient: ...
    def start(
        self,
        bridge: Bridge,
        future: Future[Any],
        call: Call[Any],
        timeout: float | None,
        deadline: float | None,
        max_retries: int | None,
    ) -> int:
        """Starts a call whose end goes into a future of the bridge's loop. Returns its number."""

    def close(self) -> None: ...
    @property
    def closed(self) -> bool: ...

@final
class Bridge:
    """Where calls of one event loop end."""

    def __new__(cls) -> Bridge: ...
    @staticmethod
    def rung_by_number(number: int) -> Bridge: ...
    @property
    def usable(self) -> bool: ...
    @property
    def in_flight(self) -> int: ...
    def fileno(self) -> int: ...
    def drain(self) -> None: ...
    def abort(self, number: int) -> None: ...

@final
class Sandbox:
    """A running server in this process."""

    def __new__(cls) -> Sandbox: ...
    @property
    def url(self) -> str: ...
    @property
    def username(self) -> str: ...
    @property
    def password(self) -> str: ...
    def messages(self) -> list[_Message]: ...
    def wait_for_message(self, to: str, timeout: float) -> _Message | None: ...
    def last_pin(self, to: str) -> str | None: ...
    def advance(self, seconds: float) -> None: ...
    def totp_code(self, secret: str) -> str: ...
    def fail_next(
        self,
        status: int | None,
        drop: str | None,
        delay: float | None,
        count: int,
        operation: str | None,
    ) -> None: ...
    def stop(self) -> None: ...
