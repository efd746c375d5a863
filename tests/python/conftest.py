"""What the tests share: the peer, a sandbox, the server as a program, a server that never answers,
names of their own, and an environment without options."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator

import pytest

from peer import Peer, running_peer
from served import STORES, Served, database, serving
from verigator.testing import Sandbox


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


@pytest.fixture(scope="session")
def served_on_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server as a program, with no option but where it listens: shared as `sandbox` is."""
    folder = tmp_path_factory.mktemp("sqlite")
    with serving("sqlite:verigator.db", folder) as served:
        yield served


@pytest.fixture(scope="session")
def served_on_postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The same, with all its data in PostgreSQL."""
    folder = tmp_path_factory.mktemp("postgres")
    with database() as url, serving(url, folder) as served:
        yield served


@pytest.fixture(params=STORES)
def served(request: pytest.FixtureRequest) -> Served:
    """A server as a program, on each store in turn."""
    served: Served = request.getfixturevalue(f"served_on_{request.param}")
    return served


@pytest.fixture
def silent_url() -> Iterator[str]:
    """Where connections are taken and nothing is ever answered."""
    with socket.create_server(("127.0.0.1", 0), backlog=512) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


@pytest.fixture
def name() -> str:
    """A name that no other test uses, fit for a host."""
    return f"test-{os.urandom(6).hex()}"


@pytest.fixture
def service_id(sandbox: Sandbox, name: str) -> str:
    """A service of the shared sandbox that no other test uses."""
    return sandbox.api().services.create(f"{name}.example.com", name).id


@pytest.fixture
def number() -> str:
    """A phone number that no other test uses."""
    return f"+3725{int.from_bytes(os.urandom(4), 'big') % 10**9:09}"
