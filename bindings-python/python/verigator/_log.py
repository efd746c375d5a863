"""One line in the ``verigator`` logger at level DEBUG for each call, written on the calling thread.
It names the operation and how it ended, never an argument, an answer or a message."""

from __future__ import annotations

import sys
from time import perf_counter

from verigator._errors import VerigatorError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from logging import Logger
    from typing import Any

    from verigator import _core

_logger: Logger | None = None


class CallLog:
    """Measures one call from when it is made."""

    __slots__ = ("_logger", "_operation", "_started")

    def __init__(self, logger: Logger, operation: str) -> None:
        self._logger = logger
        self._operation = operation
        self._started = perf_counter()

    def succeeded(self) -> None:
        """The call returned."""
        self._logger.debug("%s succeeded in %.1f ms", self._operation, self._milliseconds())

    def failed(self, error: BaseException) -> None:
        """The call raised."""
        if isinstance(error, VerigatorError):
            self._logger.debug(
                "%s failed in %.1f ms: %s, code %d, attempts %d, outcome %s",
                self._operation,
                self._milliseconds(),
                type(error).__name__,
                error.code,
                error.attempts,
                error.outcome,
            )
        else:
            self._logger.debug(
                "%s was given up after %.1f ms: %s",
                self._operation,
                self._milliseconds(),
                type(error).__name__,
            )

    def _milliseconds(self) -> float:
        return (perf_counter() - self._started) * 1000


def call_log(call: _core.Call[Any]) -> CallLog | None:
    """A log for a call, or None when nobody would read it."""
    global _logger  # noqa: PLW0603 (found once, when there is one)
    logger = _logger
    if logger is None:
        # Whoever wants to read logs has imported logging; importing it here would cost everybody.
        logging = sys.modules.get("logging")
        if logging is None:
            return None
        logger = _logger = logging.getLogger("verigator")
    return CallLog(logger, call.operation) if logger.isEnabledFor(10) else None
