"""What it costs to be right: the same flows with parts of it turned off."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness import rounds
from harness.load import load
from harness.report import Report, Table
from harness.rounds import cpu, rate
from harness.servers import RULES, create_account, folder, postgres, serving

if TYPE_CHECKING:
    from harness.bench import Bench
    from harness.contender import Contender
    from harness.rounds import Measured

#: How many connections carry flows at once.
CONNECTIONS = 32

STORES = ("memory", "SQLite", "PostgreSQL")

UNLIMITED = ("--resend-delay=0s", "--user-budget=none", "--number-budget=none")


@dataclass(frozen=True)
class Parts:
    """What is on."""

    #: What this is called in the table.
    name: str
    #: Whether requests carry an idempotency key.
    keys: bool = True
    rules: tuple[str, ...] = RULES
    log: str = "info"


EVERYTHING = Parts("everything")
MEASURED = (
    EVERYTHING,
    Parts("no idempotency keys", keys=False),
    Parts("no budgets", rules=UNLIMITED),
    Parts("no log", log="off"),
    Parts("none of the three", keys=False, rules=UNLIMITED, log="off"),
)


def measure(bench: Bench) -> Report:
    """Flows a second and CPU, by what is left out."""
    found: dict[str, dict[str, Measured]] = {}
    for store in STORES:
        with ExitStack() as stack:
            contenders = [stack.enter_context(started(stack, store, it)) for it in MEASURED]
            found[store] = rounds.compare(
                contenders, rounds=bench.rounds, seconds=bench.seconds, at_once=CONNECTIONS
            )
    columns = ("store", "with", "flows a second", "CPU µs of the server", "against everything")
    return Report(
        tables=(
            Table(
                columns,
                tuple(
                    (
                        store,
                        it.name,
                        it.median(rate),
                        it.median(cpu),
                        it.against(its[EVERYTHING.name], rate),
                    )
                    for store, its in found.items()
                    for it in its.values()
                ),
            ),
        ),
        rounds=bench.rounds,
    )


def started(stack: ExitStack, store: str, parts: Parts) -> Contender:
    """The generator before a server that does so much."""
    credentials = ""
    if store == "memory":
        place = "memory:"
    elif store == "SQLite":
        place = f"sqlite:{stack.enter_context(folder('cost')) / 'verigator.db'}"
        credentials = create_account(place, "bench")
    else:
        place = stack.enter_context(postgres())
        credentials = create_account(place, "bench")
    server = stack.enter_context(serving(place, credentials, parts.rules, parts.log))
    return load(parts.name, server, keys=parts.keys)
