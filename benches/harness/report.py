"""What a section found out: tables of figures, and which goals they reach."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

#: A figure, a word, or nothing to say.
Cell = float | str | None


@dataclass(frozen=True)
class Goal:
    """A figure that was set out to be reached."""

    #: The figure in words: "CPU per call, as a share of requests.Session's".
    what: str
    value: float
    reach: float
    #: Whether smaller is better.
    at_most: bool

    @property
    def met(self) -> bool:
        """Whether it is reached."""
        return self.value <= self.reach if self.at_most else self.value >= self.reach


def at_most(what: str, value: float, reach: float) -> Goal:
    """A figure that is to be no larger."""
    return Goal(what, value, reach, at_most=True)


def at_least(what: str, value: float, reach: float) -> Goal:
    """A figure that is to be no smaller."""
    return Goal(what, value, reach, at_most=False)


@dataclass(frozen=True)
class Table:
    """Figures of several contenders."""

    #: The first names what stands in the first column of every row.
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    #: What it shows, when a section has several.
    title: str = ""


@dataclass(frozen=True)
class Report:
    """All that a section found out."""

    tables: tuple[Table, ...]
    goals: tuple[Goal, ...] = ()
    #: Sentences that hold a figure of this run.
    notes: tuple[str, ...] = ()
    #: How many rounds each contender was measured; 0 is for what is measured otherwise.
    rounds: int = field(default=0, kw_only=True)

    def to_json(self) -> dict[str, Any]:
        """As it is kept in a file."""
        return asdict(self)

    @classmethod
    def from_json(cls, kept: dict[str, Any]) -> Report:
        """From what was kept in a file."""
        return cls(
            tables=tuple(
                Table(
                    columns=tuple(it["columns"]),
                    rows=tuple(tuple(row) for row in it["rows"]),
                    title=it["title"],
                )
                for it in kept["tables"]
            ),
            goals=tuple(Goal(**it) for it in kept["goals"]),
            notes=tuple(kept["notes"]),
            rounds=kept["rounds"],
        )

    def to_markdown(self) -> str:
        """As it stands in the document."""
        parts = []
        for table in self.tables:
            if table.title:
                parts.append(f"**{table.title}**")
            parts.append(_markdown(table.columns, table.rows))
        parts.extend(self.notes)
        if self.goals:
            goals = tuple(
                (
                    goal.what,
                    shown(goal.value),
                    ("at most " if goal.at_most else "at least ") + shown(goal.reach),
                    "yes" if goal.met else "**no**",
                )
                for goal in self.goals
            )
            parts.append(_markdown(("goal", "is", "set out for", "reached"), goals))
        if self.rounds:
            parts.append(f"Medians of {self.rounds} rounds.")
        return "\n\n".join(parts)


def shown(cell: Cell) -> str:
    """A cell as text: three digits that count, thousands apart."""
    if cell is None:
        return ""
    if isinstance(cell, str):
        return cell
    if cell == 0 or abs(cell) >= 1000:
        return f"{cell:,.0f}"
    for limit, digits in ((100, 0), (10, 1), (0.1, 2), (0, 3)):
        if abs(cell) >= limit:
            return f"{cell:.{digits}f}"
    return str(cell)


def _markdown(columns: tuple[str, ...], rows: tuple[tuple[Cell, ...], ...]) -> str:
    lines = [columns, ("---", *("---:" for _ in columns[1:]))]
    lines.extend(tuple(shown(cell) for cell in row) for row in rows)
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
