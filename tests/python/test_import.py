"""Importing starts nothing, connects to nothing, and brings in nothing heavy."""

from __future__ import annotations

import programs

HEAVY = (
    "asyncio",
    "concurrent.futures",
    "dataclasses",
    "datetime",
    "email",
    "http",
    "inspect",
    "logging",
    "socket",
    "ssl",
    "threading",
    "typing_extensions",
    "verigator.testing",
    "verigator._bridge",
)


def test_it_imports_little() -> None:
    out = programs.run(
        """
        import sys
        before = set(sys.modules)
        import verigator, messente.verigator.api
        print(*sorted(set(sys.modules) - before), sep="\\n")
        """
    )
    imported = out.split()
    assert "verigator" in imported
    assert [name for name in HEAVY if name in imported] == []


def test_neither_importing_nor_making_clients_starts_or_connects_anything() -> None:
    out = programs.run(
        """
        import os
        def held():
            return len(os.listdir("/proc/self/task")), sorted(os.listdir("/proc/self/fd"))
        before = held()
        import verigator
        assert held() == before
        clients = [
            cls("u", "p", "https://127.0.0.1:1")
            for cls in (verigator.Api, verigator.AsyncApi, verigator.Verigator)
        ]
        assert held() == before
        for client in clients:
            client.close()
        assert held() == before
        print("nothing")
        """
    )
    assert out == "nothing\n"


def test_logging_that_is_imported_later_still_works(silent_url: str) -> None:
    out = programs.run(
        """
        import sys
        from verigator import Api, VerigatorTimeoutError
        api = Api("u", "p", sys.argv[1], max_retries=0)
        def call():
            try:
                api.services.get("x", timeout=0.05)
            except VerigatorTimeoutError:
                pass
        call()
        assert "logging" not in sys.modules
        import logging
        logging.basicConfig(level="DEBUG", stream=sys.stdout, format="%(name)s %(message)s")
        call()
        """,
        silent_url,
    )
    assert out.startswith("verigator services.get failed in ")
    assert out.count("\n") == 1
