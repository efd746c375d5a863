"""Measures this project beside what people use today.

    python benches/bench.py [section …] [--rounds N] [--quick]

Without a section it measures all of them and writes docs/performance.md anew; with some, it takes
the figures of the others from the last run on this machine. `--quick` shows in a short time that
everything works, and keeps nothing. Ends with status 1 when something could not be measured as it
should; a goal that was missed is a figure like any other.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from harness import machine
from harness.bench import Bench
from harness.error import BenchError
from harness.paths import WORK
from harness.results import DOCUMENT, Results
from sections import SECTIONS

ROUNDS = 9
SECONDS = 0.4
QUICK_ROUNDS = 2
QUICK_SECONDS = 0.05


def main() -> int:
    """Runs the sections that were asked for."""
    asked = arguments()
    bench = Bench(
        rounds=asked.rounds or (QUICK_ROUNDS if asked.quick else ROUNDS),
        seconds=QUICK_SECONDS if asked.quick else SECONDS,
        quick=asked.quick,
    )
    WORK.mkdir(parents=True, exist_ok=True)
    results = Results.kept(machine.describe())
    for name in asked.sections or SECTIONS:
        print(f"{name}:", file=sys.stderr, flush=True)
        try:
            report = SECTIONS[name](bench)
        except BenchError as failed:
            print(f"{name}: {failed}", file=sys.stderr)
            return 1
        print(f"\n## {name}\n\n{report.to_markdown()}\n", flush=True)
        results.reports[name] = report
        if not bench.quick:
            results.keep()
    if bench.quick:
        return 0
    if missing := results.missing(list(SECTIONS)):
        print(f"{DOCUMENT} waits for: {', '.join(missing)}", file=sys.stderr)
        return 0
    results.write_document()
    return 0


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog=Path(sys.argv[0]).name, description="Measures.")
    parser.add_argument("sections", nargs="*", metavar="section", help=", ".join(SECTIONS))
    parser.add_argument("--rounds", type=int, help=f"how often each is measured ({ROUNDS})")
    parser.add_argument("--quick", action="store_true", help="only see that it works")
    asked = parser.parse_args()
    if unknown := [name for name in asked.sections if name not in SECTIONS]:
        parser.error(f"no section {', '.join(unknown)} (there are: {', '.join(SECTIONS)})")
    return asked


if __name__ == "__main__":
    raise SystemExit(main())
