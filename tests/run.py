"""Runs every suite, shows what it prints, and ends with one line of counts.

Each suite is a real test runner whose own summary is read; a suite that fails, or that ran no
test, counts as a failure whatever its summary says. `make test` has built what the suites need.
"""

import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

CARGO = (r"^test result: .*?(\d+) passed", r"^test result: .*?(\d+) failed", r"; (\d+) ignored")
PYTEST = (r"(\d+) passed", r"(\d+) (?:failed|errors?)\b", r"(\d+) (?:skipped|xfailed|deselected)")
NODE = (r"^\S pass (\d+)", r"^\S (?:fail|cancelled) (\d+)", r"^\S (?:skipped|todo) (\d+)")

# Node 20 takes no folder and expands no pattern.
NODE_TESTS = sorted(str(path) for path in (ROOT / "tests" / "node").glob("*.test.mjs"))

PYTHON_EXAMPLES = ("examples/fastapi", "examples/django")


@dataclass(frozen=True)
class Suite:
    name: str
    command: Sequence[str]
    #: Patterns of the counts that passed, failed and did not run.
    counts: tuple[str, str, str]


SUITES = (
    Suite("Rust", ["cargo", "test", "--workspace", "--locked", "--no-fail-fast"], CARGO),
    Suite("Python", [sys.executable, "-m", "pytest", "tests/python"], PYTEST),
    Suite("Node", ["node", "--test", "--test-reporter=spec", *NODE_TESTS], NODE),
    Suite("Examples in Python", [sys.executable, "-m", "pytest", *PYTHON_EXAMPLES], PYTEST),
    Suite(
        "Examples in Node",
        ["node", "--test", "--test-reporter=spec", "examples/express/app.test.mjs"],
        NODE,
    ),
    Suite("Quickstarts", [sys.executable, "-m", "pytest", "tests/quickstarts"], PYTEST),
)


def run(suite: Suite) -> tuple[int, int]:
    print(f"\n=== {suite.name}: {' '.join(suite.command)}", flush=True)
    process = subprocess.Popen(
        suite.command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    lines = []
    assert process.stdout is not None
    for line in process.stdout:
        print(line, end="", flush=True)
        lines.append(line)
    code = process.wait()
    passed, failed, unrun = (count(pattern, lines, suite) for pattern in suite.counts)
    if unrun:
        print(f"{suite.name}: {unrun} did not run, which counts as failed")
    failed += unrun
    if failed == 0 and (code != 0 or passed == 0):
        print(f"{suite.name}: ended with status {code} after {passed} tests")
        failed = 1
    return passed, failed


def count(pattern: str, lines: list[str], suite: Suite) -> int:
    if suite.counts is PYTEST:
        # Only its last line sums up; a test's name or output may look like a count.
        lines = lines[-1:]
    return sum(int(found) for line in lines for found in re.findall(pattern, line))


def main() -> int:
    # They install what is missing, before tests that run at once would each try to.
    for program in ("postgres.py", "installing.py"):
        subprocess.run(
            [sys.executable, str(ROOT / "tests" / program)], stdin=subprocess.DEVNULL, check=True
        )
    results = [(suite.name, *run(suite)) for suite in SUITES]
    print()
    for name, passed, failed in results:
        print(f"{name}: {passed} passed, {failed} failed")
    passed = sum(result[1] for result in results)
    failed = sum(result[2] for result in results)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
