"""Contenders against each other: in each round each in turn, so that whatever else the machine does
meets all of them alike, and the order turns, so that none always comes first.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

from harness.error import BenchError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from harness.contender import Answer, Contender

#: One measurement makes at most so many calls, however fast they seem to be.
MOST_CALLS = 1_000_000

#: One measurement makes at least so many in each place in flight, however slow they are: with one,
#: all begin at the same moment, and none follows another.
LEAST_IN_TURN = 4


@dataclass(frozen=True)
class Measured:
    """What a contender did in each round."""

    name: str
    answers: tuple[Answer, ...]

    def median(self, figure: Callable[[Answer], float]) -> float:
        """The median of a figure over the rounds."""
        return median(figure(answer) for answer in self.answers)

    def against(self, other: Measured, figure: Callable[[Answer], float]) -> float:
        """The median, over the rounds, of this contender's figure as a multiple of another's in the
        same round.
        """
        pairs = zip(self.answers, other.answers, strict=True)
        return median(figure(ours) / figure(theirs) for ours, theirs in pairs)


def cpu(answer: Answer) -> float:
    """Microseconds of CPU, user and system, for one call."""
    return answer["cpu"] / answer["calls"] * 1e6


def wall(answer: Answer) -> float:
    """Microseconds from one call to the next."""
    return answer["seconds"] / answer["calls"] * 1e6


def rate(answer: Answer) -> float:
    """Calls in a second."""
    return answer["calls"] / answer["seconds"]


def compare(
    contenders: Sequence[Contender], *, rounds: int, seconds: float, at_once: int
) -> dict[str, Measured]:
    """Has each contender make calls in every round, for about so many seconds each time.

    Args:
        contenders: started ones.
        rounds: how many rounds.
        seconds: how long one measurement is to take.
        at_once: how many calls each keeps in flight, or as many as it can make use of.

    Returns:
        What each did, by its name.
    """
    in_flight = {it.name: min(at_once, it.most_at_once) for it in contenders}
    calls = {it.name: _warm_up(it, seconds, in_flight[it.name]) for it in contenders}

    def ask(it: Contender) -> Answer:
        return it.ask(calls=calls[it.name], at_once=in_flight[it.name])

    return interleaved(contenders, rounds, ask)


def interleaved(
    contenders: Sequence[Contender], rounds: int, ask: Callable[[Contender], Answer]
) -> dict[str, Measured]:
    """Asks each contender once in every round."""
    answers: dict[str, list[Answer]] = {it.name: [] for it in contenders}
    if len(answers) != len(contenders):
        raise BenchError("two contenders have the same name")
    for turn in range(rounds):
        first = turn % len(contenders)
        for it in (*contenders[first:], *contenders[:first]):
            answers[it.name].append(ask(it))
    return {name: Measured(name, tuple(its)) for name, its in answers.items()}


def _warm_up(contender: Contender, seconds: float, at_once: int) -> int:
    """How many calls take about so many seconds. A multiple of `at_once`."""
    calls = at_once
    while True:
        answer = contender.ask(calls=calls, at_once=at_once)
        if answer["seconds"] >= seconds / 4 or calls >= MOST_CALLS:
            break
        calls *= 4
    wanted = int(calls * seconds / answer["seconds"])
    return min(max(wanted // at_once, LEAST_IN_TURN) * at_once, MOST_CALLS)
