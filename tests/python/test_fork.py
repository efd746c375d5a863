"""Forks: of a client that was never used, that was used, that has calls in flight, that is used by
threads. The child and the parent must both get answers, and so must the calls in flight."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace

import pytest

import programs
from scripted import Scripted, answer, scripted
from verigator.testing import Sandbox

# Whatever hangs is ended after 15 seconds.
PROGRAM = """
import asyncio, gc, os, signal, sys, threading, time, traceback
from verigator import Api, AsyncApi
url, id, how, *more = sys.argv[1:]
signal.alarm(15)
waiting, awaited = Api("test", "test", url), AsyncApi("test", "test", url)

# A connection that is lost, as one with a parent's is, shows as a timeout.
quick = {"timeout": 5, "max_retries": 0}

def sync():
    for _ in range(3):
        assert waiting.services.get(id, **quick).id == id

def asynchronous():
    async def main():
        found = await asyncio.gather(*(awaited.services.get(id, **quick) for _ in range(5)))
        assert {it.id for it in found} == {id}
    asyncio.run(main())

def both():
    sync()
    asynchronous()

use = {"sync": sync, "async": asynchronous, "both": both}[how]
"""

FORK = """
def fork(child):
    ordinary = threading.current_thread() is threading.main_thread()
    pid = os.fork()
    if pid == 0:
        signal.alarm(15)
        try:
            child()
        except Exception:
            traceback.print_exc()
            os._exit(1)
        # An ordinary end, with what runs then. In another thread there is none.
        (sys.exit if ordinary else os._exit)(0)
    return pid

def join(pid):
    assert os.waitpid(pid, 0)[1] == 0
"""

WHEN = {
    "before use": """
pid = fork(use)
use()
join(pid)
use()
""",
    "after use": """
use()
pid = fork(use)
use()
join(pid)
use()
""",
    "twice": """
use()
def again():
    use()
    join(fork(use))
    use()
join(fork(again))
use()
""",
    "in a thread": """
use()
pids = []
thread = threading.Thread(target=lambda: pids.append(fork(use)))
thread.start()
use()
thread.join()
join(pids[0])
use()
""",
    "while threads use it": """
stop = threading.Event()
def busy():
    while not stop.is_set():
        use()
threads = [threading.Thread(target=busy) for _ in range(3)]
for thread in threads:
    thread.start()
for _ in range(5):
    time.sleep(0.05)
    join(fork(use))
stop.set()
for thread in threads:
    thread.join()
use()
""",
    "and the child drops it": """
use()
def drop():
    global waiting, awaited
    del waiting, awaited
    gc.collect()
join(fork(drop))
use()
""",
    "and the child closes it": """
use()
def close():
    waiting.close()
    awaited.close()
join(fork(close))
use()
""",
}

# The server of these answers after a while, in which the parent forks. `more` is where it is.
IN_FLIGHT = {
    "waiting in threads": """
slow = Api("test", "test", *more)
use()
ended = []
def call():
    ended.append(slow.services.get(id, **quick).id)
threads = [threading.Thread(target=call) for _ in range(5)]
for thread in threads:
    thread.start()
time.sleep(0.15)
pid = fork(both)
assert not ended
both()
for thread in threads:
    thread.join()
assert ended == [id] * 5
join(pid)
assert fetch(slow) == id
""",
    "awaited in another thread": """
slow = AsyncApi("test", "test", *more)
use()
ended = []
async def main():
    found = await asyncio.gather(*(slow.services.get(id, **quick) for _ in range(5)))
    ended.extend(it.id for it in found)
thread = threading.Thread(target=asyncio.run, args=(main(),))
thread.start()
time.sleep(0.15)
pid = fork(both)
assert not ended
both()
thread.join()
assert ended == [id] * 5
join(pid)
assert fetch(slow) == id
""",
    "awaited in the loop that forks": """
slow = AsyncApi("test", "test", *more)
def child():
    both()
    assert fetch(slow) == id
    # Not the loop's own end, which would take its selector from the parent, too.
    os._exit(0)
async def main():
    found = [asyncio.create_task(slow.services.get(id, **quick)) for _ in range(5)]
    await asyncio.sleep(0.15)
    pid = fork(child)
    assert not any(it.done() for it in found)
    assert {it.id for it in await asyncio.gather(*found)} == {id}
    assert (await slow.services.get(id, **quick)).id == id
    return pid
join(asyncio.run(main()))
use()
""",
    "awaited beside a pool of processes": """
import concurrent.futures, multiprocessing
slow = AsyncApi("test", "test", *more)
def work(_):
    both()
    assert fetch(slow) == id
    return os.getpid()
async def main():
    found = [asyncio.create_task(slow.services.get(id, **quick)) for _ in range(5)]
    await asyncio.sleep(0.05)
    fork = multiprocessing.get_context("fork")
    with concurrent.futures.ProcessPoolExecutor(2, mp_context=fork) as pool:
        loop = asyncio.get_running_loop()
        pids = await asyncio.gather(*(loop.run_in_executor(pool, work, n) for n in range(6)))
    assert os.getpid() not in pids
    assert {it.id for it in await asyncio.gather(*found)} == {id}
asyncio.run(main())
""",
}
FETCH = """
def fetch(slow):
    found = slow.services.get(id, **quick)
    return (asyncio.run(found) if isinstance(slow, AsyncApi) else found).id
"""


@pytest.fixture
def slow(service_id: str) -> Iterator[Scripted]:
    """Answers after a while."""
    answered = answer(200, {"id": service_id, "ctime": "", "name": "slow"})
    with scripted(lambda _: replace(answered, after=0.9)) as server:
        yield server


@pytest.mark.parametrize(("when", "how"), [*itertools.product(WHEN, ("sync", "async"))])
def test_both_get_answers(when: str, how: str, sandbox: Sandbox, service_id: str) -> None:
    programs.run(PROGRAM + FORK + WHEN[when], sandbox.url, service_id, how)


@pytest.mark.parametrize("where", IN_FLIGHT)
def test_calls_in_flight(where: str, sandbox: Sandbox, service_id: str, slow: Scripted) -> None:
    source = PROGRAM + FORK + FETCH + IN_FLIGHT[where]
    programs.run(source, sandbox.url, service_id, "both", slow.url)


def test_the_end_of_a_child_waits_for_no_call_of_its_parent(
    sandbox: Sandbox, service_id: str, silent_url: str
) -> None:
    source = """
def wait_on():
    try:
        Api("test", "test", *more).services.get(id, timeout=2, max_retries=0)
    except TimeoutError:
        ended.append(1)
ended = []
threads = [threading.Thread(target=wait_on) for _ in range(3)]
for thread in threads:
    thread.start()
time.sleep(0.2)
took = []
for _ in range(3):
    start = time.monotonic()
    join(fork(lambda: None))
    took.append(time.monotonic() - start)
# An end waits a second for calls that cannot be ended sooner.
assert min(took) < 0.9, took
assert not ended
for thread in threads:
    thread.join()
assert ended == [1] * 3
"""
    programs.run(PROGRAM + FORK + source, sandbox.url, service_id, "both", silent_url)


@pytest.mark.parametrize("how", ["sync", "async"])
def test_a_pool_of_forked_workers(how: str, sandbox: Sandbox, service_id: str) -> None:
    source = PROGRAM + (
        """
import multiprocessing
def work(_):
    use()
    return os.getpid()
use()
with multiprocessing.get_context("fork").Pool(3) as pool:
    pids = pool.map_async(work, range(12), chunksize=1).get(40)
assert os.getpid() not in pids
use()
"""
    )
    programs.run(source, sandbox.url, service_id, how)


def test_a_child_that_goes_on_with_the_loop_of_its_parent(
    sandbox: Sandbox, service_id: str
) -> None:
    source = (
        PROGRAM
        + FORK
        + (
            """
# asyncio shares the loop's selector with the child, and each takes events of the other: here the
# child alone goes on.
loop = asyncio.new_event_loop()
def go_on():
    found = loop.run_until_complete(awaited.services.get(id, **quick))
    assert found.id == id
go_on()
join(fork(go_on))
go_on()
"""
        )
    )
    programs.run(source, sandbox.url, service_id, "sync")


def test_a_forked_child_leaves_a_sandbox_alone() -> None:
    programs.run(
        """
        import os, signal, sys
        from verigator.testing import Sandbox
        sandbox = Sandbox()
        api = sandbox.api()
        pid = os.fork()
        if pid == 0:
            signal.alarm(15)
            assert api.services.create("child.example.com", "child").name == "child"
            sandbox.stop()
            del sandbox, api
            sys.exit(0)
        assert os.waitpid(pid, 0)[1] == 0
        assert api.services.create("example.com", "parent").name == "parent"
        sandbox.stop()
        """
    )


def test_a_pool_carries_errors_and_models(sandbox: Sandbox, service_id: str) -> None:
    programs.run(
        """
        import multiprocessing, sys
        from verigator import Api, NoSuchResourceError, Service
        url, id = sys.argv[1:]
        def work(id):
            return Api("test", "test", url).services.get(id)
        with multiprocessing.get_context("fork").Pool(2) as pool:
            assert isinstance(pool.apply_async(work, (id,)).get(30), Service)
            try:
                pool.apply_async(work, ("none",)).get(30)
            except NoSuchResourceError as error:
                assert (error.code, error.operation) == (404, "services.get")
            else:
                raise AssertionError
        """,
        sandbox.url,
        service_id,
    )
