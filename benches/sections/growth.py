"""The same flows on databases that hold little and much."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness import rounds
from harness.load import load
from harness.report import Report, Table, at_least
from harness.rounds import rate
from harness.servers import (
    RULES_OF_AN_HOUR,
    create_account,
    fill,
    folder,
    postgres,
    serving,
    warm,
)
from sections.server import p50, p99

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from harness.bench import Bench
    from harness.contender import Contender
    from harness.rounds import Measured

#: How many connections carry flows at once.
CONNECTIONS = 32

#: Flows that each server has made before it is measured: a few seconds of work, in which it reads
#: what it keeps in its own memory.
BEFORE = 20_000

#: Users, and what they spent in a day.
SIZES = ((1_000, 10_000), (100_000, 1_000_000), (1_000_000, 10_000_000))
QUICK_SIZES = ((1_000, 10_000), (2_000, 20_000), (5_000, 50_000))

STORES = ("SQLite", "PostgreSQL")


@dataclass(frozen=True)
class Filled:
    """A database and how much it holds."""

    store: str
    users: int
    spent: int

    @property
    def name(self) -> str:
        """What it is called as a contender."""
        return f"{self.store}, {self.users} users"


def measure(bench: Bench) -> Report:
    """Flows a second, their times and the server's memory, by size."""
    sizes = QUICK_SIZES if bench.quick else SIZES
    databases = [Filled(store, *size) for store in STORES for size in sizes]
    found: dict[str, Measured] = {}
    for store in STORES:
        with ExitStack() as stack:
            places = [
                (it, stack.enter_context(filled(it))) for it in databases if it.store == store
            ]
            contenders = [stack.enter_context(started(stack, *place)) for place in places]
            # Just before, since a system may forget what nobody reads; the largest first.
            for _, at in reversed(places):
                warm(at.store)
            for contender in contenders:
                contender.ask(calls=100 if bench.quick else BEFORE, at_once=CONNECTIONS)
            found |= rounds.compare(
                contenders, rounds=bench.rounds, seconds=bench.seconds, at_once=CONNECTIONS
            )
    return Report(
        tables=(Table(COLUMNS, tuple(rows(databases, found))),),
        goals=tuple(
            at_least(
                f"flows a second on {store} with {last.users:,} users and {last.spent:,} spent "
                f"authentications, as a share of those with {first.users:,} users",
                found[last.name].against(found[first.name], rate),
                1 / 1.3,
            )
            for store in STORES
            for first, *_, last in [[it for it in databases if it.store == store]]
        ),
        rounds=bench.rounds,
    )


@dataclass(frozen=True)
class Place:
    """Where a database is, and who uses it."""

    #: What `--store` takes.
    store: str
    credentials: str
    #: The file that says who its users are.
    users: Path


@contextmanager
def filled(database: Filled) -> Iterator[Place]:
    """A database that was filled."""
    with ExitStack() as stack:
        at = stack.enter_context(folder("growth"))
        if database.store == "SQLite":
            store = f"sqlite:{at / 'verigator.db'}"
        else:
            store = stack.enter_context(postgres())
        place = Place(store, create_account(store, "bench"), at / "users")
        fill(store, "bench", database.users, database.spent, place.users)
        yield place


def started(stack: ExitStack, database: Filled, place: Place) -> Contender:
    """The generator before a server on a database that was filled."""
    server = stack.enter_context(serving(place.store, place.credentials, RULES_OF_AN_HOUR))
    return load(database.name, server, users=place.users)


COLUMNS = (
    "store",
    "users",
    "spent authentications",
    "flows a second",
    "p50 ms",
    "p99 ms",
    "memory of the server, MiB",
    "against the smallest",
)


def rows(databases: list[Filled], found: dict[str, Measured]) -> Iterator[tuple[float | str, ...]]:
    """A row for each database."""
    smallest: dict[str, Measured] = {}
    for it in databases:
        its = found[it.name]
        yield (
            it.store,
            it.users,
            it.spent,
            its.median(rate),
            its.median(p50) * 1e3,
            its.median(p99) * 1e3,
            max(answer["resident"] for answer in its.answers) / 2**20,
            its.against(smallest.setdefault(it.store, its), rate),
        )
