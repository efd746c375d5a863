"""A long-living process that is told what to do in lines of JSON and answers in lines of JSON: a
client that makes calls, or a load generator. It starts once, so that what is measured is calls and
not starts.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

from harness.error import BenchError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import TracebackType

    from typing_extensions import Self

#: What a contender answers: figures by name.
Answer = dict[str, float]

#: Far above what any request takes; a contender that hangs shall not hang the run.
PATIENCE = 120.0

#: These would send loopback calls elsewhere, or change which certificates are trusted.
MISLEADING = ("PROXY", "CA_BUNDLE", "CERT_FILE", "CERT_DIR", "EXTRA_CA_CERTS")


def plain_environment() -> dict[str, str]:
    """The environment without what changes how HTTP libraries connect."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.upper().endswith(MISLEADING) and not name.startswith("VERIGATOR_")
    }


class Contender:
    """A process under measurement.

    Args:
        name: how it is called in tables.
        command: what starts it. It reads requests from standard input and ends with it.
        environment: what it has beside the plain environment.
        most_at_once: how many calls in flight it is measured with at most, if it gains nothing
            from more.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[object],
        environment: Mapping[str, str] | None = None,
        *,
        most_at_once: int = sys.maxsize,
    ) -> None:
        self.name = name
        self.most_at_once = most_at_once
        self._command = [str(word) for word in command]
        self._environment = {**plain_environment(), **(environment or {})}
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            self._command,
            env=self._environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        process = self._started()
        if process.stdin is not None:
            process.stdin.close()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout is not None:
            process.stdout.close()

    @property
    def pid(self) -> int:
        """The process's number."""
        return self._started().pid

    def said(self) -> dict[str, str]:
        """A line that it says by itself, such as where it listens."""
        return {name: str(value) for name, value in self._read().items()}

    def ask(self, **request: float) -> Answer:
        """Has it do something, and returns its figures.

        Raises:
            BenchError: it ended, hung, or made fewer calls than asked.
        """
        process = self._started()
        assert process.stdin is not None
        try:
            process.stdin.write(json.dumps(request) + "\n")
            process.stdin.flush()
        except BrokenPipeError as error:
            raise BenchError(f"{self.name} ended with status {process.wait()}") from error
        answer = {name: float(value) for name, value in self._read().items()}
        if "calls" in request and answer.get("calls") != request["calls"]:
            raise BenchError(f"{self.name} made {answer.get('calls')} of {request['calls']} calls")
        return answer

    def _read(self) -> dict[str, float]:
        process = self._started()
        assert process.stdout is not None
        watchdog = threading.Timer(PATIENCE, process.kill)
        watchdog.start()
        try:
            line = process.stdout.readline()
        finally:
            watchdog.cancel()
        try:
            said: dict[str, float] = json.loads(line)
        except ValueError as error:
            raise BenchError(f"{self.name} failed: its last line is {line!r}") from error
        return said

    def _started(self) -> subprocess.Popen[str]:
        assert self._process is not None, f"{self.name} was not started"
        return self._process
