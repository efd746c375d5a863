"""The fixture ``verigator_sandbox``. pytest loads this in every run of an environment that has the
package, so it imports nothing it may not need."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from verigator.testing import Sandbox


@pytest.fixture
def verigator_sandbox() -> Iterator[Sandbox]:
    """A real Verigator server for one test; see ``verigator.testing``."""
    from verigator.testing import Sandbox

    with Sandbox() as sandbox:
        yield sandbox
