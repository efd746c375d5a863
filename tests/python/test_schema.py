"""The server as people run it, on each store, held to its own `/openapi.json` by schemathesis: no
answer is a 5xx or another than the document says, what does not fit is refused, what was deleted is
gone; and every operation was reached for good, by the links of the document."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from peer import get_json
from served import STORES, Served, database, environment, serving

CONFIG = Path(__file__).with_name("schemathesis.toml")
HOOKS = Path(__file__).with_name("schema_hooks.py")


#: Messente is asked for nothing, since the console takes every message, and may report.
MESSENTE_PASSWORD = "a password"
OPTIONS = (
    *("--deliver", "console", "--deliver", "messente"),
    *("--messente-username", "someone", "--messente-password", MESSENTE_PASSWORD),
)


@pytest.fixture(params=STORES)
def served(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Served]:
    """A server of its own, on each store in turn."""
    with ExitStack() as stack:
        store = "sqlite:verigator.db"
        if request.param == "postgres":
            store = stack.enter_context(database())
        yield stack.enter_context(serving(store, tmp_path, *OPTIONS))


def test_the_server_keeps_its_word(served: Served, tmp_path: Path) -> None:
    reports = {kind: tmp_path / kind for kind in ("json", "ndjson")}
    command = [
        *(str(Path(sys.executable).with_name("schemathesis")), "--config-file", str(CONFIG)),
        *("run", f"{served.url}/openapi.json", "--no-color", "--report", "json,ndjson"),
        *(f"--report-{kind}-path={path}" for kind, path in reports.items()),
    ]
    done = subprocess.run(
        command,
        cwd=tmp_path,
        env=environment(
            # What is drawn depends on the order of sets, too.
            PYTHONHASHSEED="0",
            MESSENTE_PASSWORD=MESSENTE_PASSWORD,
            SCHEMATHESIS_HOOKS=str(HOOKS),
            X_SERVICE_AUTH=f"{served.username}:{served.password}",
        ),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout

    report = json.loads(reports["json"].read_text())
    assert report["complete"], done.stdout
    phases = {name: phase["status"] for name, phase in report["phases"].items()}
    assert set(phases.values()) == {"success"}, phases
    statuses = answered(reports["ndjson"])
    paths = get_json(f"{served.url}/openapi.json")["paths"]
    # Where it read the document.
    del paths["/openapi.json"]
    for path, operations in paths.items():
        for method in operations.keys() - {"parameters"}:
            seen = statuses[f"{method.upper()} {path}"]
            assert any(200 <= status < 300 for status in seen), (method, path, seen)


def answered(report: Path) -> dict[str, set[int]]:
    """The statuses of each operation's answers."""
    statuses: dict[str, set[int]] = defaultdict(set)
    for line in report.read_text().splitlines():
        scenario = json.loads(line).get("ScenarioFinished")
        if scenario is None:
            continue
        recorder = scenario["recorder"]
        for key, interaction in recorder.get("interactions", {}).items():
            case = recorder["cases"][key]["value"]
            statuses[f"{case['method']} {case['path']}"].add(interaction["response"]["status_code"])
    return statuses
