"""The answering peer: fixed bytes over HTTP/1.1 and TLS, the same for every client."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.contender import Contender
from harness.paths import WORK

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@dataclass(frozen=True)
class Peer:
    """Where the peer listens."""

    http: str
    https: str
    #: The certificate of the authority that `https` is to be trusted by.
    ca: Path


@contextmanager
def answering(program: Path) -> Iterator[Peer]:
    """A peer for as long as it is needed."""
    with Contender("the answering peer", [program]) as process:
        said = process.said()
        ca = WORK / "ca.pem"
        ca.write_text(said["ca"])
        yield Peer(said["http"], said["https"], ca)
