"""A PIN is started, read and verified: how many a second, and how long each takes."""

from __future__ import annotations

import uuid
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from harness import builds, privacyidea, rounds
from harness.contender import Contender
from harness.load import USERS, bare, load, steps
from harness.report import Goal, Report, Table, at_least, at_most
from harness.rounds import cpu, rate
from harness.servers import create_account, folder, postgres, serving

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.bench import Bench
    from harness.contender import Answer
    from harness.rounds import Measured

#: How many connections carry flows at once.
CONNECTIONS = (1, 8, 32, 256)
#: Up to so many, the server waits for requests rather than they for it.
UNSATURATED = (1, 8)
#: Where grouping has something to group.
SATURATED = 256

MEMORY = "verigator, memory"
SQLITE = "verigator, SQLite"
POSTGRES = "verigator, PostgreSQL"
SQLITE_STEPS = "SQLite's steps, no server"
POSTGRES_STEPS = "PostgreSQL's steps, no server"
BARE = "bare axum, the same bytes"
PEER = "privacyIDEA, SQLite"

#: It has one token each.
PEER_USERS = 64


def measure(bench: Bench) -> Report:
    """Flows a second and their times, for each number of connections."""
    found: dict[int, dict[str, Measured]] = {}
    connections = CONNECTIONS[:2] if bench.quick else CONNECTIONS
    with ExitStack() as stack:
        contenders = [stack.enter_context(it) for it in started(stack)]
        for at_once in connections:
            found[at_once] = rounds.compare(
                contenders, rounds=bench.rounds, seconds=bench.seconds, at_once=at_once
            )
    return Report(
        tables=tuple(table(at_once, its) for at_once, its in found.items()),
        goals=goals(found),
        rounds=bench.rounds,
    )


def started(stack: ExitStack) -> Iterator[Contender]:
    """All that are measured in turns, with what they need."""
    at = stack.enter_context(folder("stores"))
    sqlite = f"sqlite:{at / 'verigator.db'}"
    database, other = stack.enter_context(postgres()), stack.enter_context(postgres())
    yield load(MEMORY, stack.enter_context(serving("memory:")))
    for name, store in ((SQLITE, sqlite), (POSTGRES, database)):
        credentials = create_account(store, "bench")
        yield load(name, stack.enter_context(serving(store, credentials)))
    yield steps(SQLITE_STEPS, f"sqlite:{at / 'steps.db'}")
    yield steps(POSTGRES_STEPS, other)
    yield stack.enter_context(bare_axum())
    yield stack.enter_context(privacyidea.serving(PEER_USERS)).load(PEER)


@contextmanager
def bare_axum() -> Iterator[Contender]:
    """The generator before axum alone."""
    with folder("bare") as at, Contender(BARE, [builds.rust() / "bench-bare"]) as server:
        users = at / "users"
        service = uuid.uuid4()
        users.write_text("".join(f"{service} {uuid.uuid4()} -\n" for _ in range(USERS)))
        yield bare(BARE, server.said()["address"], server.pid, users)


def table(at_once: int, found: dict[str, Measured]) -> Table:
    """What each did over so many connections."""
    memory, floor = found[MEMORY], found[BARE]
    rows = tuple(
        (
            it.name,
            it.median(rate),
            it.median(p50) * 1e3,
            it.median(p99) * 1e3,
            it.median(cpu),
            it.median(rate) / memory.median(rate),
            it.median(rate) / floor.median(rate),
        )
        for it in found.values()
    )
    title = "1 connection" if at_once == 1 else f"{at_once} connections"
    columns = (
        "flows",
        "a second",
        "p50 ms",
        "p99 ms",
        "CPU µs of the server",
        "against memory",
        "against bare axum",
    )
    return Table(columns, rows, title)


def goals(found: dict[int, dict[str, Measured]]) -> tuple[Goal, ...]:
    """What was set out to be reached: rates where the machine is busiest, times where it is not."""
    at_once, its = list(found.items())[-1]
    over = f"over {at_once} connections"
    shares = (
        ("memory, as a share of bare axum's", MEMORY, BARE, 0.6),
        ("SQLite, as a share of memory's", SQLITE, MEMORY, 0.6),
        ("PostgreSQL, as a share of its steps'", POSTGRES, POSTGRES_STEPS, 0.7),
    )
    reached = [
        at_least(f"flows a second {over}: {what}", its[ours].against(its[theirs], rate), reach)
        for what, ours, theirs, reach in shares
    ]
    stores = (its[name] for name in (MEMORY, SQLITE, POSTGRES))
    slowest = min(stores, key=lambda it: it.median(rate))
    multiple = slowest.against(its[PEER], rate)
    reached.append(at_least(f"the slowest store {over}, privacyIDEA = 1", multiple, 100))
    for at_once in UNSATURATED:
        for name in (MEMORY, SQLITE, POSTGRES):
            spread = found[at_once][name].median(lambda it: it["p99"] / it["p50"])
            what = f"p99 of {name} over {at_once} connections, as a multiple of p50"
            reached.append(at_most(what, spread, 5))
    return tuple(reached)


def p50(answer: Answer) -> float:
    """The median time of a flow, in seconds."""
    return answer["p50"]


def p99(answer: Answer) -> float:
    """What all but one flow in a hundred take no longer than, in seconds."""
    return answer["p99"]
