"""What was found out so far, kept between runs so that one section can be measured again, and the
document that is written from it.
"""

from __future__ import annotations

import json
from string import Template
from typing import TYPE_CHECKING, Any

from harness.paths import BENCHES, ROOT, WORK
from harness.report import Report

if TYPE_CHECKING:
    from collections.abc import Sequence

KEPT = WORK / "results.json"
TEMPLATE = BENCHES / "performance.md.in"
DOCUMENT = ROOT / "docs" / "performance.md"


class Results:
    """Reports by section, all of one machine."""

    def __init__(self, machine: dict[str, str]) -> None:
        self.machine = machine
        self.reports: dict[str, Report] = {}

    @classmethod
    def kept(cls, machine: dict[str, str]) -> Results:
        """What earlier runs on this very machine kept. Figures of two machines do not compare."""
        results = cls(machine)
        if KEPT.exists():
            kept: dict[str, Any] = json.loads(KEPT.read_text())
            if kept["machine"] == machine:
                for name, report in kept["reports"].items():
                    results.reports[name] = Report.from_json(report)
        return results

    def keep(self) -> None:
        """Writes the file."""
        reports = {name: report.to_json() for name, report in self.reports.items()}
        kept = {"machine": self.machine, "reports": reports}
        KEPT.write_text(json.dumps(kept, indent=1) + "\n")

    def missing(self, sections: Sequence[str]) -> list[str]:
        """The sections without a report."""
        return [name for name in sections if name not in self.reports]

    def write_document(self) -> None:
        """Writes the document. Its sentences stand in the template, its figures come from here."""
        figures = {name: report.to_markdown() for name, report in self.reports.items()}
        machine = "\n".join(f"| {what} | {is_} |" for what, is_ in self.machine.items())
        text = Template(TEMPLATE.read_text())
        DOCUMENT.write_text(text.substitute(figures, machine=f"| | |\n|---|---|\n{machine}"))
