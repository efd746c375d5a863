"""The blocks of code in what people read: the README and the pages of docs/."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_DOCS = ROOT / "docs"
_TOOLS = _DOCS / "tools"
PAGES = [
    ROOT / "README.md",
    *sorted(page for page in _DOCS.glob("**/*.md") if _TOOLS not in page.parents),
]

_NOT_RUN = re.compile(r"<!-- not run: (.+) -->")
_HEADING = re.compile(r"#+ (.+)")
_FENCE = re.compile(r"( *)```(.*)")
#: The site puts a part of a file, or all of it, in place of this.
_INCLUDED = re.compile(r'--8<-- "([^":]+):?([^"]*)"\n')


@dataclass(frozen=True)
class Block:
    """A fenced block, by where it is."""

    page: Path
    heading: str
    #: Of its first line, from 1.
    line: int
    language: str
    text: str
    #: Why nothing runs it, from a comment on the line before.
    not_run: str | None

    @property
    def place(self) -> tuple[str, str, str]:
        return (self.page.name, self.heading, self.language)

    @property
    def included(self) -> tuple[str, str] | None:
        """The file that the site shows in place of this block, and the part of it."""
        found = _INCLUDED.fullmatch(self.text)
        return (found[1], found[2]) if found else None

    def __str__(self) -> str:
        return f"{self.page.name}:{self.line}"


def blocks(page: Path) -> list[Block]:
    """All blocks of a page, in their order."""
    found: list[Block] = []
    heading, before = "", ""
    lines = iter(enumerate(page.read_text(encoding="utf-8").splitlines(), 1))
    for number, line in lines:
        if match := _HEADING.fullmatch(line):
            heading = match[1]
        elif match := _FENCE.fullmatch(line):
            # Those of one language among several are set in.
            indent, language = match[1], match[2]
            text = []
            for _, inside in lines:
                if inside == f"{indent}```":
                    break
                text.append(f"{inside.removeprefix(indent)}\n")
            not_run = _NOT_RUN.fullmatch(before)
            reason = not_run[1] if not_run else None
            found.append(Block(page, heading, number + 1, language, "".join(text), reason))
        before = line
    return found


def to_run(page: Path, language: str) -> list[Block]:
    """The blocks of a page in a language, but those that say that they are not run."""
    return [it for it in blocks(page) if it.language == language and it.not_run is None]


def quickstart(heading: str, language: str, number: int = 0) -> str:
    """A block below a heading of the README."""
    found = [it for it in to_run(ROOT / "README.md", language) if it.heading == heading]
    return found[number].text


ALL = [block for page in PAGES for block in blocks(page)]
