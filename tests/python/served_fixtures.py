"""Fixtures for the tests of more than one folder: the server as a program, and names of their
own."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from served import STORES, Served, database, serving


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
def name() -> str:
    """A name that no other test uses, fit for a host."""
    return f"test-{os.urandom(6).hex()}"


@pytest.fixture
def number() -> str:
    """A phone number that no other test uses."""
    return f"+3725{int.from_bytes(os.urandom(4), 'big') % 10**9:09}"
