"""Servers under measurement, each with a folder of its own that goes away with it."""

from __future__ import annotations

import json
import os
import secrets
import select
import subprocess
import sys
import tempfile
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from harness import builds
from harness.contender import plain_environment
from harness.error import BenchError
from harness.paths import ROOT, WORK

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

#: The server's key, for every process that shares a store.
KEY = {"VERIGATOR_KEY": secrets.token_hex(32)}

#: Rules that refuse no flow and cost what the default ones cost: users take turns, so none comes
#: near these budgets, and what they count is looked up and written.
RULES = ("--resend-delay=0s", "--user-budget=5/1s", "--number-budget=5/1s")

#: The same for a store that was filled: what was sent counts for an hour.
RULES_OF_AN_HOUR = ("--resend-delay=0s", "--user-budget=1000/1h", "--number-budget=1000/1h")

#: How long a server may take to stop.
PATIENCE = 30.0


@dataclass(frozen=True)
class Server:
    """One that listens."""

    address: str
    #: What stands in `X-Service-Auth`.
    credentials: str
    #: A named pipe that the PINs come out of.
    pins: Path
    pid: int


@contextmanager
def folder(name: str) -> Iterator[Path]:
    """A folder on the disk that everything is measured on."""
    WORK.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f"{name}-", dir=WORK, ignore_cleanup_errors=True) as at:
        yield Path(at)


@contextmanager
def postgres() -> Iterator[str]:
    """The URL of a PostgreSQL that nobody else uses, and that waits for the disk."""
    process = subprocess.Popen(
        [sys.executable, ROOT / "tests" / "postgres.py", "--durable"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    # Ends it, too, by closing its input.
    with process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        if not url:
            raise BenchError("PostgreSQL did not start")
        yield url


def create_account(store: str, name: str) -> str:
    """Makes an account in a store that is no memory, and returns its credentials."""
    made = subprocess.run(
        [builds.server(), "account", "create", name, "--store", store],
        env={**plain_environment(), **KEY},
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    if made.returncode:
        raise BenchError(f"no account was made in {store.partition(':')[0]}")
    return f"{name}:{made.stdout.strip()}"


def fill(store: str, account: str, users: int, spent: int, lines: Path) -> None:
    """Gives an account in a store so many users, and the store what is left of so many
    authentications that were started and verified in the day before.

    Args:
        lines: the file that then says who they are.
    """
    settings = {
        "store": store,
        "account": account,
        "users": users,
        "spent": spent,
        "lines": str(lines),
    }
    prepare({"fill": settings})


def warm(store: str) -> None:
    """Reads all of a store once, so that the system has it in memory."""
    prepare({"warm": {"store": store}})


def prepare(settings: dict[str, object]) -> None:
    """Has `bench-store` do something to a store."""
    program = builds.rust() / "bench-store"
    done = subprocess.run([program, json.dumps(settings)], env=KEY, check=False)
    if done.returncode:
        raise BenchError("a store was not prepared")


@contextmanager
def serving(
    store: str,
    credentials: str = "",
    options: Sequence[str] = RULES,
    log: str = "info",
) -> Iterator[Server]:
    """`verigator serve`, which prints its PINs into a pipe and writes its log to nowhere.

    Args:
        store: what `--store` takes.
        credentials: of an account in that store; a store in memory has its own.
        options: more of the command line.
        log: what is logged.
    """
    with folder("server") as at, ExitStack() as stack:
        pins = at / "pins"
        os.mkfifo(pins)
        # Held open for both, so that neither end comes and goes with a process.
        pipe = os.open(pins, os.O_RDWR)
        stack.callback(os.close, pipe)
        process = subprocess.Popen(
            [builds.server(), "serve", "--listen=127.0.0.1:0", "--store", store, *options],
            env={**plain_environment(), **KEY, "VERIGATOR_LOG": log},
            stdin=subprocess.DEVNULL,
            stdout=pipe,
            stderr=subprocess.DEVNULL,
        )
        stack.callback(stop, process)
        address = line(pipe, process).removeprefix("Verigator on http://")
        if not credentials:
            _, name, _, _, password = line(pipe, process).split(" ")
            credentials = f"{name}:{password}"
        yield Server(address, credentials, pins, process.pid)


def line(pipe: int, process: subprocess.Popen[bytes]) -> str:
    """A line, and no byte of what follows."""
    read = b""
    while not read.endswith(b"\n"):
        if process.poll() is not None:
            raise BenchError(f"the server ended with status {process.returncode}")
        ready, _, _ = select.select([pipe], [], [], 0.1)
        if ready:
            read += os.read(pipe, 1)
    return read.decode().strip()


def stop(process: subprocess.Popen[bytes]) -> None:
    """Lets it end what runs."""
    process.terminate()
    try:
        process.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
