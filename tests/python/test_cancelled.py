"""What calls leave behind that are cancelled, time out, or are ended by Ctrl-C: nothing."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import programs

PROGRAM = Path(__file__).with_name("cancelled_program.py")


def test_ten_thousand_cancelled_calls() -> None:
    done = subprocess.run([sys.executable, PROGRAM], capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")
    before, after, met, traced = map(json.loads, done.stdout.splitlines())
    shown = f"{before}\n{after}"
    for counted in ("connections", "in flight"):
        assert after[counted] <= 1, shown
    for counted in ("files", "threads", "tasks"):
        # A connection may be kept, or not, for the next call; and an engine's thread.
        assert abs(after[counted] - before[counted]) <= 1, shown
    # Of Python's less than one for fifty calls, and of all less than 800 bytes for a call.
    assert after["objects"] - before["objects"] < 200, shown
    assert after["blocks"] - before["blocks"] < 200, shown
    assert after["resident MiB"] - before["resident MiB"] < 8, shown
    assert traced["bytes allocated"] > 100_000
    # Less than the smallest object for each.
    assert traced["bytes kept"] < 40_000
    # They were cancelled at all these stages.
    assert met["as it arrives"] == met["half answered"] == 2000


def test_calls_that_end_otherwise(silent_url: str) -> None:
    out = programs.run(
        """
        import gc, os, signal, sys, threading, tracemalloc
        from verigator import Api, VerigatorTimeoutError
        api = Api("u", "p", sys.argv[1], max_retries=0)

        def interrupt(*_):
            raise InterruptedError

        signal.signal(signal.SIGALRM, interrupt)

        def time_out():
            try:
                api.services.get("x", timeout=0.002)
            except VerigatorTimeoutError:
                pass

        def be_interrupted():
            # Later than the first look for signals.
            signal.setitimer(signal.ITIMER_REAL, 0.03)
            try:
                api.services.get("x")
            except InterruptedError:
                pass

        def measured():
            gc.collect()
            return (
                len(os.listdir("/proc/self/fd")),
                len(os.listdir("/proc/self/task")),
                len(gc.get_objects()),
            )

        def both(count):
            for _ in range(count):
                time_out()
            for _ in range(count // 20):
                be_interrupted()

        both(20)
        files, threads, objects = measured()
        both(200)
        after = measured()
        assert after[:2] == (files, threads), (files, threads, after)
        assert after[2] - objects < 20, (objects, after)
        print("nothing")
        """,
        silent_url,
    )
    assert out == "nothing\n"
