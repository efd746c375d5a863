"""Ten thousand calls that are cancelled, at every stage of a call, and what they leave behind. The
server runs in the same loop, so that it can cancel a call as its request arrives.

Prints as lines of JSON what is there after a first round, what is there after ten thousand calls
more, how many requests of each stage arrived, and how much memory Python allocated meanwhile, and
kept, for a thousand calls more."""

from __future__ import annotations

import asyncio
import gc
import itertools
import json
import os
import resource
import sys
import tracemalloc
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from calls import OPERATIONS, SUCCESS, method
from scripted import Answer, Request, Scripted, answer
from verigator import AsyncApi, _bridge

WARM_UP = 2_000
CALLS = 10_000
TRACED = 1_000
AT_ONCE = 100
STAGES = ("before it starts", "as it starts", "a moment later", "as it arrives", "half answered")


class Server(Scripted):
    """Has calls cancelled when they come."""

    def __init__(self) -> None:
        super().__init__(self.meet)
        #: Which task made a call, and when it is to be cancelled, by its number.
        self.calls: dict[str, tuple[asyncio.Task[Any], str]] = {}
        self.met: Counter[str] = Counter()

    def meet(self, request: Request) -> Answer:
        self.requests.clear()
        text = request.target + request.body.decode()
        if "answered" in text:
            return answer(*SUCCESS["services.get"])
        task, stage = self.calls.get(text.split("call-")[1].split("-")[0], (None, ""))
        self.met[stage] += 1
        if task is None:
            # It was cancelled on its way.
            return Answer(then="wait")
        if stage == "as it arrives":
            task.cancel()
            return Answer(then="wait")
        if stage == "half answered":
            asyncio.get_running_loop().call_later(0.002, task.cancel)
            return Answer(b'HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{"id":', then="wait")
        return Answer(then="wait")


class Program:
    """Calls, and cancels."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.api = AsyncApi("user", "pass", server.url, max_retries=0)
        methods = [(method(self.api, it), given) for it, given in OPERATIONS.items()]
        self.methods = itertools.cycle(methods)
        self.ids = itertools.count()

    async def cancel_one(self, stage: str) -> None:
        call, arguments = next(self.methods)
        # Of one length always, to be found in a path as in a body.
        number = f"{next(self.ids):06}"
        given = {
            name: f"call-{number}-" if name in {"id", "service_id", "domain"} else value
            for name, value in arguments.items()
        }
        task = asyncio.ensure_future(call(**given))
        self.server.calls[number] = task, stage
        if stage != "before it starts":
            await asyncio.sleep(0.003 if stage == "a moment later" else 0)
        if stage not in {"as it arrives", "half answered"}:
            task.cancel()
        await asyncio.wait([task])
        del self.server.calls[number]
        assert task.cancelled(), (stage, task)

    async def cancel(self, count: int) -> None:
        stages = itertools.islice(itertools.cycle(STAGES), count)

        async def some() -> None:
            for stage in stages:
                await self.cancel_one(stage)

        await asyncio.gather(*(some() for _ in range(AT_ONCE)))
        assert (await self.api.services.get("answered")).name == "Example"

    async def measured(self) -> dict[str, float]:
        # Connections end in their own time; one may be kept for the next call.
        for _ in range(500):
            if len(self.server.open) <= 1:
                break
            await asyncio.sleep(0.01)
        gc.collect()
        return {
            "connections": len(self.server.open),
            "files": len(os.listdir("/proc/self/fd")),
            "threads": len(os.listdir("/proc/self/task")),
            "tasks": len(asyncio.all_tasks()),
            "in flight": _bridge.bridge_of_running_loop()[1].in_flight,
            "objects": len(gc.get_objects()),
            "blocks": sys.getallocatedblocks(),
            "resident MiB": resident() / 2**20,
        }


def resident() -> int:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize()


async def main() -> None:
    server = Server()
    async with await server.listen():
        program = Program(server)
        await program.cancel(WARM_UP)
        report(await program.measured())
        server.met.clear()
        await program.cancel(CALLS)
        report(await program.measured())
        report(server.met)
        # It slows everything down.
        tracemalloc.start()
        await program.cancel(TRACED)
        await program.measured()
        tracemalloc.reset_peak()
        before, _ = tracemalloc.get_traced_memory()
        await program.cancel(TRACED)
        await program.measured()
        after, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        report({"bytes allocated": peak - before, "bytes kept": after - before})
        program.api.close()
        while server.open:
            await asyncio.sleep(0.01)


def report(counts: Mapping[str, float]) -> None:
    sys.stdout.write(json.dumps(counts) + "\n")


if __name__ == "__main__":
    asyncio.run(main())
