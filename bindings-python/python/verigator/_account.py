"""What ``Api``, ``AsyncApi`` and ``Verigator`` share: their options, their ``repr``, and that they
cannot be copied, for they hold a password."""

from __future__ import annotations

from verigator import _core

TYPE_CHECKING = False
if TYPE_CHECKING:
    import os
    from typing import Literal, NoReturn


class Account:
    """An account on a server. This class is only the constructor of the clients."""

    # None while the options are being refused: a traceback shows this object, too.
    _config: _core.Config | None = None

    def _open(self, config: _core.Config) -> None:
        """Makes what the client calls with."""
        raise NotImplementedError

    def __init__(
        self,
        username: str | None = None,
        password: str | None = None,
        endpoint: str | None = None,
        *,
        timeout: float | None = None,
        connect_timeout: float | None = None,
        deadline: float | None = None,
        max_retries: int | None = None,
        idempotency: Literal["auto", "on", "off"] | None = None,
        pool_idle_timeout: float | None = None,
        proxy: str | None = None,
        ca_bundle: str | os.PathLike[str] | bytes | None = None,
        app_info: str | None = None,
        allow_insecure_http: bool = False,
    ) -> None:
        """Checks the options. Connects to nothing and starts no thread; that is for the first call.

        What is None comes from the environment variable, else it is the default. Durations are in
        seconds.

        Args:
            username: the account's name, without a colon. ``VERIGATOR_USERNAME``.
            password: the account's password. ``VERIGATOR_PASSWORD``.
            endpoint: where the server is: https, or also http on this machine's loopback.
                ``VERIGATOR_ENDPOINT``; default ``https://api.verigator.com``, which is deprecated.
            timeout: how long one attempt may take. ``VERIGATOR_TIMEOUT``; default 30.
            connect_timeout: how long a connection may take to be made. Default 5.
            deadline: how long a call may take with all its attempts and waits. Default 60.
            max_retries: how often a request may be sent again when that is harmless; 0 means
                exactly one send. ``VERIGATOR_MAX_RETRIES``; default 2.
            idempotency: when a key makes a repeated request harmless: ``auto`` once the server has
                said that it honours keys, ``on`` always, ``off`` never. Default ``auto``.
            pool_idle_timeout: how long an idle connection is kept. Default 4.
            proxy: the URL of an HTTP proxy. Default: the standard ``HTTPS_PROXY``, ``HTTP_PROXY``,
                ``ALL_PROXY`` and ``NO_PROXY``.
            ca_bundle: certificates to trust beside the platform's own: the path of a PEM file, or
                its bytes. ``VERIGATOR_CA_BUNDLE``.
            app_info: what to add to the User-Agent, in ASCII.
            allow_insecure_http: whether http may leave this machine, PINs and password readable.

        Raises:
            ConfigurationError: an option has the wrong type or value, or username or password are
                missing; the message names it.
        """
        try:
            config = _core.Config(
                username,
                password,
                endpoint,
                timeout,
                connect_timeout,
                deadline,
                max_retries,
                idempotency,
                pool_idle_timeout,
                proxy,
                ca_bundle,
                app_info,
                allow_insecure_http,
            )
        finally:
            # No traceback that shows local variables shall show them.
            del username, password, proxy, endpoint
        self._config = config
        self._open(config)

    def __repr__(self) -> str:
        if self._config is None:
            return f"{type(self).__name__}(refused)"
        return (
            f"{type(self).__name__}(username={self._config.username!r}, "
            f"endpoint={self._config.endpoint!r})"
        )

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            f"{type(self).__name__} holds a password and cannot be pickled or copied: "
            "make one where it is needed, from the environment for example"
        )

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        self.__reduce__()
