"""What a section is given to measure with."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness import rounds

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.contender import Contender
    from harness.rounds import Measured


@dataclass(frozen=True)
class Bench:
    """How thoroughly to measure."""

    #: How often each contender is measured.
    rounds: int
    #: How long one measurement takes.
    seconds: float
    #: Whether this run only shows that everything works; its figures are worth little.
    quick: bool = False

    def compare(self, contenders: Sequence[Contender], *, at_once: int = 1) -> dict[str, Measured]:
        """Starts contenders and has them make calls against each other."""
        with ExitStack() as stack:
            for it in contenders:
                stack.enter_context(it)
            return rounds.compare(
                contenders, rounds=self.rounds, seconds=self.seconds, at_once=at_once
            )
