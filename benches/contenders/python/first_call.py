"""What the first call of a fresh process took. Imported only after it: it shall not be what warms
up a library's imports.
"""

import json
from pathlib import Path
from time import perf_counter


def tell(began: float, imported: float, *, verified: bool) -> None:
    """Prints the figures: seconds, and bytes of memory.

    Args:
        began: when the import began.
        imported: when it was done.
        verified: whether the PIN was right.
    """
    answered = perf_counter()
    if not verified:
        raise SystemExit("the call was not answered rightly")
    print(
        json.dumps({"import": imported - began, "first_call": answered - began, "memory": memory()})
    )


def memory() -> int:
    """Bytes of this process that are in memory now."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise SystemExit("this system does not say how much memory a process has")
