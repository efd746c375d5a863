"""Ctrl-C, and other signals, while a call waits."""

from __future__ import annotations

import pytest

import programs

# How soon each of six tries ended after the signal, in seconds. Nothing else would end it for 30.
PROGRAM = """
import asyncio, os, signal, sys, threading, time
from verigator import Api, AsyncApi

def waiting():
    Api("u", "p", sys.argv[1]).services.get("x")

def awaiting():
    asyncio.run(AsyncApi("u", "p", sys.argv[1]).services.get("x"))

for delay in range(110, 170, 10):
    sent = []
    def send():
        sent.append(time.monotonic())
        os.kill(os.getpid(), signal.SIGINT)
    timer = threading.Timer(delay / 1000, send)
    timer.start()
    try:
        {call}()
    except KeyboardInterrupt:
        print(time.monotonic() - sent[0])
    timer.join()
"""


@pytest.mark.parametrize("call", ["waiting", "awaiting"])
def test_ctrl_c_ends_a_call(call: str, silent_url: str) -> None:
    out = programs.run(PROGRAM.replace("{call}", call), silent_url)
    delays = sorted(float(line) for line in out.split())
    assert len(delays) == 6
    # The middle one has little of what a busy machine adds.
    assert delays[3] < 0.1
    assert delays[-1] < 0.3


def test_a_handler_that_returns_does_not_end_a_call(silent_url: str) -> None:
    out = programs.run(
        """
        import signal, sys
        from verigator import Api, VerigatorTimeoutError
        handled = []
        signal.signal(signal.SIGALRM, lambda *_: handled.append(1))
        signal.setitimer(signal.ITIMER_REAL, 0.05, 0.05)
        try:
            Api("u", "p", sys.argv[1], max_retries=0).services.get("x", timeout=0.4)
        except VerigatorTimeoutError:
            print(len(handled) >= 3)
        # The handler goes before the process does.
        signal.setitimer(signal.ITIMER_REAL, 0)
        """,
        silent_url,
    )
    assert out == "True\n"


def test_a_client_is_usable_after_ctrl_c(silent_url: str) -> None:
    out = programs.run(
        """
        import os, signal, sys, threading
        from verigator import Api, VerigatorTimeoutError
        api = Api("u", "p", sys.argv[1], max_retries=0)
        for _ in range(2):
            timer = threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT))
            timer.start()
            try:
                api.services.get("x")
            except KeyboardInterrupt:
                timer.join()
        try:
            api.services.get("x", timeout=0.1)
        except VerigatorTimeoutError:
            print("usable")
        """,
        silent_url,
    )
    assert out == "usable\n"


def test_waiting_for_a_message_ends_too() -> None:
    out = programs.run(
        """
        import os, signal, threading, time
        from verigator.testing import Sandbox
        with Sandbox() as sandbox:
            threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()
            start = time.monotonic()
            try:
                sandbox.wait_for_message("+3725555555", timeout=30)
            except KeyboardInterrupt:
                print(time.monotonic() - start < 5)
        """
    )
    assert out == "True\n"


def test_other_threads_run_while_a_call_waits(silent_url: str) -> None:
    out = programs.run(
        """
        import sys, threading, time
        from verigator import Api, VerigatorTimeoutError
        turns = 0
        def turn():
            global turns
            while running:
                turns += 1
                time.sleep(0.001)
        running = True
        thread = threading.Thread(target=turn)
        thread.start()
        try:
            Api("u", "p", sys.argv[1], max_retries=0).services.get("x", timeout=0.5)
        except VerigatorTimeoutError:
            running = False
        thread.join()
        print(turns > 50)
        """,
        silent_url,
    )
    assert out == "True\n"
