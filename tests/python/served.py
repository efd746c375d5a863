"""The program `verigator serve` as people run it: with an account from `verigator account create`,
on the store that a test asks for, and with the messages that it printed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from peer import ROOT

PROGRAM = ROOT / "target" / "debug" / "verigator"

#: The stores that a server keeps everything in; each has a fixture `served_on_…`.
STORES = ("sqlite", "postgres")

ACCOUNT = "shop"

#: Seconds that anything may take which is quick when it works.
PATIENCE = 30


@dataclass
class Served:
    """A running server."""

    url: str
    #: Of its account.
    username: str
    password: str
    #: What it and its commands are run in.
    folder: Path
    #: The option that names its store.
    store: str
    _messages: dict[str, list[str]] = field(default_factory=dict, repr=False)
    _came: threading.Condition = field(default_factory=threading.Condition, repr=False)

    def read(self, output: Iterable[str]) -> None:
        """Takes what it prints, line by line: "<time> <number>: <pin> is your …"."""
        for line in output:
            _, to, text = line.split(" ", 2)
            with self._came:
                self._messages.setdefault(to.removesuffix(":"), []).append(text.rstrip())
                self._came.notify_all()

    def messages(self, to: str, at_least: int = 1) -> list[str]:
        """What was sent to a number, once it is so many."""
        with self._came:
            here = self._came.wait_for(
                lambda: len(self._messages.get(to, [])) >= at_least, PATIENCE
            )
            assert here, f"fewer than {at_least} messages came"
            return list(self._messages.get(to, []))

    def pin(self, to: str) -> str:
        """The PIN in the latest message to a number."""
        return self.messages(to)[-1].split()[0]


def verigator(*arguments: str) -> list[str]:
    """The command line of the program."""
    assert PROGRAM.exists(), f"{PROGRAM} is missing: cargo build -p verigator-server"
    return [str(PROGRAM), *arguments]


def environment(**options: str) -> dict[str, str]:
    """This one, with no option of the program in it but those given."""
    return {k: v for k, v in os.environ.items() if not k.startswith("VERIGATOR_")} | options


def new_account(store: str, folder: Path) -> str:
    """Makes the account, and gives its password."""
    return subprocess.run(
        verigator("account", "create", ACCOUNT, "--store", store),
        cwd=folder,
        env=environment(),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        timeout=PATIENCE,
    ).stdout.strip()


@contextmanager
def serving(
    store: str, folder: Path, *options: str, password: str | None = None
) -> Iterator[Served]:
    """Runs one, with a new account if it is given none; at the end it must drain and stop by
    itself."""
    password = password or new_account(store, folder)
    command = verigator("serve", "--listen", "127.0.0.1:0", "--store", store, *options)
    log = folder / f"{os.urandom(4).hex()}.log"
    with (
        log.open("wb") as errors,
        subprocess.Popen(
            command,
            cwd=folder,
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        ) as program,
    ):
        assert program.stdout is not None
        try:
            said, _, url = program.stdout.readline().strip().partition(" on ")
            assert said == "Verigator", log.read_text()
            served = Served(url, ACCOUNT, password, folder, store)
            reading = threading.Thread(target=served.read, args=(program.stdout,))
            reading.start()
            yield served
            program.send_signal(signal.SIGTERM)
            assert program.wait(PATIENCE) == 0, log.read_text()
            reading.join()
        finally:
            program.kill()


@contextmanager
def database() -> Iterator[str]:
    """A PostgreSQL for as long as this lasts: its URL."""
    with subprocess.Popen(
        [sys.executable, str(ROOT / "tests" / "postgres.py")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as program:
        assert program.stdin is not None
        assert program.stdout is not None
        url = program.stdout.readline().strip()
        assert url, "PostgreSQL did not start"
        yield url
        # Its end.
        program.stdin.close()
