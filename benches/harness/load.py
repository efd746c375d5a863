"""Contenders that start and verify PINs: the load generator before a server, or a store's own steps
without one. Each flow is a PIN that is started and verified.
"""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

from harness import builds
from harness.contender import Contender
from harness.servers import KEY

if TYPE_CHECKING:
    from pathlib import Path

    from harness.servers import Server

#: How many users take turns: no more than five flows a second each, up to fifty thousand a second.
USERS = 10_000


def load(
    name: str,
    server: Server,
    *,
    users: int | Path = USERS,
    keys: bool = True,
) -> Contender:
    """The generator before a server of ours.

    Args:
        name: how the contender is called.
        server: one that listens.
        users: how many are made, or the file that says who is there.
        keys: whether requests carry an idempotency key, as this project's clients' do.
    """
    return generator(
        name,
        address=server.address,
        dialect={
            "verigator": {
                "credentials": server.credentials,
                "keys": keys,
            }
        },
        pins={"console": str(server.pins)},
        users={"made": users} if isinstance(users, int) else {"file": str(users)},
        processes=[server.pid],
    )


def bare(name: str, address: str, pid: int, users: Path) -> Contender:
    """The generator before a server that answers fixed bytes, so that any PIN is right."""
    return generator(
        name,
        address=address,
        dialect={"verigator": {"credentials": "bench:secret", "keys": True}},
        pins={"fixed": "123456"},
        users={"file": str(users)},
        processes=[pid],
    )


def steps(name: str, store: str, *, users: int = USERS, keys: bool = True) -> Contender:
    """A store's own steps."""
    settings = {"steps": {"store": store, "users": users, "keys": keys}}
    return Contender(name, [builds.rust() / "bench-store", json.dumps(settings)], KEY)


def generator(name: str, *, most_at_once: int = sys.maxsize, **settings: object) -> Contender:
    """The load generator with its settings."""
    command = [builds.rust() / "bench-load", json.dumps(settings)]
    return Contender(name, command, most_at_once=most_at_once)
