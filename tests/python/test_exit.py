"""The end of the interpreter with calls in flight: a status of 0, and silence."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

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


# Programs that end with calls in flight; answers come all the while.
ENDS = {
    "awaited in a daemon thread": """
threading.Thread(target=asyncio.run, args=(ask_on(),), daemon=True).start()
time.sleep(delay)
""",
    "awaited in daemon threads, as others wait": """
for _ in range(2):
    threading.Thread(target=asyncio.run, args=(ask_on(),), daemon=True).start()
    threading.Thread(target=wait_on, daemon=True).start()
time.sleep(delay)
""",
    "waiting in daemon threads": """
for _ in range(4):
    threading.Thread(target=wait_on, daemon=True).start()
time.sleep(delay)
""",
    "left in a loop that nobody runs any more": """
async def main():
    await api.services.get(id)
    main.calls = [asyncio.create_task(api.services.get(id)) for _ in range(100)]
    await asyncio.sleep(delay / 10)
loop = asyncio.new_event_loop()
# What asyncio says of tasks that are destroyed is not ours.
loop.set_exception_handler(lambda *_: None)
loop.run_until_complete(main())
""",
    "awaited by asyncio.run, which is left": """
async def main():
    asyncio.create_task(ask_on())
    await asyncio.sleep(delay)
    sys.exit()
asyncio.run(main())
""",
}
ENDING = """
import asyncio, sys, threading, time
from verigator import Api, AsyncApi, ClientClosedError
url, id, delay = sys.argv[1], sys.argv[2], float(sys.argv[3])
api, waiting = AsyncApi("test", "test", url), Api("test", "test", url)
async def ask_on():
    try:
        while True:
            await asyncio.gather(*(api.services.get(id) for _ in range(20)))
    except ClientClosedError:
        pass
def wait_on():
    try:
        while True:
            waiting.services.get(id)
    except ClientClosedError:
        pass
"""
# Of each: what goes wrong at an end goes wrong in one of a hundred.
EXITS = 21


@pytest.mark.parametrize("how", ENDS)
def test_answers_that_come_while_it_ends(how: str, sandbox: Sandbox, service_id: str) -> None:
    def end(n: int) -> None:
        programs.run(ENDING + ENDS[how], sandbox.url, service_id, str(0.03 + 0.002 * n))

    with ThreadPoolExecutor(4) as exits:
        list(exits.map(end, range(EXITS)))


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
