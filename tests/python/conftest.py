"""What the tests share: the peer, a sandbox, a server that never answers, and an environment
without options; and the fixtures that other folders share, too."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Iterator

import pytest

from peer import Peer, running_peer
from served_fixtures import name, number, served, served_on_postgres, served_on_sqlite
from verigator.testing import Sandbox

__all__ = ["name", "number", "served", "served_on_postgres", "served_on_sqlite"]


# The programs that tests start are to end at Ctrl-C also where pytest runs in the background, as a
# shell lets such ones ignore it.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session", autouse=True)
def _no_options_in_the_environment() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as environment:
        for name in list(os.environ):
            if name.startswith("VERIGATOR_") or name.lower().endswith("_proxy"):
                environment.delenv(name)
        yield


@pytest.fixture(scope="session")
def peer() -> Iterator[Peer]:
    with running_peer() as peer:
        yield peer


@pytest.fixture(scope="session")
def sandbox() -> Iterator[Sandbox]:
    """A sandbox that many tests share: each uses names and numbers of its own, and no faults."""
    with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def silent_url() -> Iterator[str]:
    """Where connections are taken and nothing is ever answered."""
    with socket.create_server(("127.0.0.1", 0), backlog=512) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


@pytest.fixture
def service_id(sandbox: Sandbox, name: str) -> str:
    """A service of the shared sandbox that no other test uses."""
    return sandbox.api().services.create(f"{name}.example.com", name).id
