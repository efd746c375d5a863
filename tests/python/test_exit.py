"""The end of the interpreter with calls in flight: a status of 0, and silence."""

from __future__ import annotations

import time

import pytest

import programs
from verigator.testing import Sandbox


def timed(source: str, *arguments: str) -> tuple[str, float]:
    start = time.monotonic()
    out = programs.run(source, *arguments)
    return out, time.monotonic() - start


def test_tasks_that_asyncio_run_cancels(silent_url: str) -> None:
    _, took = timed(
        """
        import asyncio, sys
        from verigator import AsyncApi
        async def main():
            api = AsyncApi("u", "p", sys.argv[1])
            main.tasks = [asyncio.create_task(api.services.get("x")) for _ in range(200)]
            await asyncio.sleep(0.3)
        asyncio.run(main())
        """,
        silent_url,
    )
    assert took < 15


def test_a_loop_of_a_daemon_thread(silent_url: str) -> None:
    _, took = timed(
        """
        import asyncio, sys, threading, time
        from verigator import AsyncApi
        api = AsyncApi("u", "p", sys.argv[1])
        async def main():
            await asyncio.gather(*(api.services.get("x") for _ in range(200)))
        threading.Thread(target=asyncio.run, args=(main(),), daemon=True).start()
        time.sleep(0.5)
        """,
        silent_url,
    )
    assert took < 15


@pytest.mark.parametrize("_round", range(3))
def test_answers_that_come_while_it_ends(_round: int, sandbox: Sandbox, service_id: str) -> None:
    programs.run(
        """
        import asyncio, sys, threading, time
        from verigator import AsyncApi, Api, ClientClosedError
        url, id = sys.argv[1:]
        api, waiting = AsyncApi("test", "test", url), Api("test", "test", url)
        async def main():
            while True:
                await asyncio.gather(*(api.services.get(id) for _ in range(20)))
        def run():
            try:
                asyncio.run(main())
            except ClientClosedError:
                pass
        def wait():
            try:
                while True:
                    waiting.services.get(id)
            except ClientClosedError:
                pass
        threading.Thread(target=run, daemon=True).start()
        for _ in range(3):
            threading.Thread(target=wait, daemon=True).start()
        time.sleep(0.3)
        """,
        sandbox.url,
        service_id,
    )


def test_a_daemon_thread_that_waits_is_told(silent_url: str) -> None:
    out, took = timed(
        """
        import sys, threading, time
        from verigator import Api, ClientClosedError
        def wait():
            try:
                Api("u", "p", sys.argv[1]).services.get("x")
            except ClientClosedError as error:
                print(error)
        threading.Thread(target=wait, daemon=True).start()
        time.sleep(0.3)
        """,
        silent_url,
    )
    assert out == "the client is closed: the interpreter is ending\n"
    assert took < 15


def test_an_exit_handler_may_still_call(sandbox: Sandbox, service_id: str) -> None:
    out = programs.run(
        """
        import atexit, sys
        url, id = sys.argv[1:]
        # Before the import, hence run after the library's own.
        atexit.register(lambda: print(api.services.get(id).id == id))
        from verigator import Api
        api = Api("test", "test", url)
        api.services.get(id)
        """,
        sandbox.url,
        service_id,
    )
    assert out == "True\n"


def test_a_sandbox_that_nobody_stopped() -> None:
    programs.run(
        """
        from verigator.testing import Sandbox
        sandbox = Sandbox()
        sandbox.api().services.create("example.com", "Example")
        """
    )
