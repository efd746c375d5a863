"""gunicorn that loads the site before it forks its workers: two of them serve 200 logins."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import programs
from verigator.testing import Sandbox

LOGINS = 200


@dataclass
class Site:
    """A running gunicorn."""

    pid: int
    url: str

    def post(self, path: str, form: dict[str, Any]) -> dict[str, Any]:
        request = urllib.request.Request(self.url + path, json.dumps(form).encode())
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=15) as answer:
            reply = json.load(answer)
        assert isinstance(reply, dict)
        return reply


@contextmanager
def gunicorn(sandbox: Sandbox, service_id: str, *options: str) -> Iterator[Site]:
    """Runs it; at the end it must stop by itself, and have nothing to complain of."""
    environment = {
        **os.environ,
        "VERIGATOR_USERNAME": sandbox.username,
        "VERIGATOR_PASSWORD": sandbox.password,
        "VERIGATOR_ENDPOINT": sandbox.url,
        "LOGIN_SERVICE": service_id,
    }
    command = [sys.executable, "-m", "gunicorn", "--preload", "--workers", "2", *options]
    program = subprocess.Popen(
        [*command, "--bind", "127.0.0.1:0", "--no-control-socket", "login_app:application"],
        cwd=Path(__file__).parent,
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    log = []
    try:
        assert program.stderr is not None
        for line in program.stderr:
            log.append(line)
            if address := re.search(r"Listening at: (http://\S+)", line):
                yield Site(program.pid, address[1])
                program.send_signal(signal.SIGTERM)
                log.append(program.communicate(timeout=15)[1])
                break
        assert program.wait(15) == 0, "".join(log)
    finally:
        programs.kill_group(program.pid)
        program.communicate()
    assert not re.search(r"error|warn|traceback|exception", "".join(log), re.IGNORECASE), log


WORKERS = {
    "one at a time": ("--worker-class", "sync"),
    "in threads": ("--worker-class", "gthread", "--threads", "4"),
}


@pytest.mark.parametrize("workers", WORKERS)
def test_200_logins(workers: str, sandbox: Sandbox, service_id: str) -> None:
    with gunicorn(sandbox, service_id, *WORKERS[workers]) as site:

        def login(n: int) -> set[int]:
            number = f"+3725{n:03}{int.from_bytes(os.urandom(4), 'big') % 10**6:06}"
            started = site.post("/start", {"number": number, "username": f"{service_id}-{n}"})
            assert started["method"] == "sms"
            pin = sandbox.wait_for_message(number).pin
            checked = site.post("/check", {"user": started["user"], "pin": pin})
            assert checked["welcome"] is True
            return {started["pid"], checked["pid"]}

        before = len(sandbox.messages)
        with ThreadPoolExecutor(8) as visitors:
            pids = set().union(*visitors.map(login, range(LOGINS)))
        assert len(pids - {site.pid}) == len(pids) == 2
        assert len(sandbox.messages) == before + LOGINS
