"""The one bridge of each event loop, over which the background worker hands finished calls. Loops
own their bridges: here are only weak references, so that a loop that ends takes its bridge with it.
"""

from __future__ import annotations

import asyncio
import itertools
import weakref

from verigator._core import Bridge

TYPE_CHECKING = False
if TYPE_CHECKING:
    from asyncio import AbstractEventLoop

_bridges: weakref.WeakKeyDictionary[AbstractEventLoop, weakref.ref[Bridge]] = (
    weakref.WeakKeyDictionary()
)

# For loops that can watch no socket. Such a bridge lives as long as somebody awaits a call.
_numbers = itertools.count()
_numbered: dict[int, tuple[weakref.ref[AbstractEventLoop], weakref.ref[Bridge]]] = {}


def bridge_of_running_loop() -> tuple[AbstractEventLoop, Bridge]:
    """The running event loop and its bridge, which is made on first use.

    Raises:
        RuntimeError: no event loop of asyncio is running.
    """
    loop = asyncio.get_running_loop()
    reference = _bridges.get(loop)
    bridge = None if reference is None else reference()
    # A child that goes on with the loop it was forked in gets a bridge of its own. The old one
    # stays watched: to end that would end it for the parent, too, as both share the selector.
    if bridge is None or not bridge.usable:
        bridge = _watched(loop)
        if bridge is None:
            bridge = _rung_by_number(loop)
        _bridges[loop] = weakref.ref(bridge)
    return loop, bridge


def _watched(loop: AbstractEventLoop) -> Bridge | None:
    try:
        bridge = Bridge()
        # This is what owns the bridge. Closing the loop ends it.
        loop.add_reader(bridge.fileno(), bridge.drain)
    except NotImplementedError:
        return None
    return bridge


def _rung_by_number(loop: AbstractEventLoop) -> Bridge:
    number = next(_numbers)

    def forget(_: object, number: int = number) -> None:
        _numbered.pop(number, None)

    bridge = Bridge.rung_by_number(number)
    _numbered[number] = (weakref.ref(loop), weakref.ref(bridge, forget))
    return bridge


def ring(number: int) -> None:
    """Has a loop look at what has ended. Called on the worker's thread."""
    references = _numbered.get(number)
    if references is None:
        return
    loop, bridge = references[0](), references[1]()
    if loop is None or bridge is None:
        return
    try:
        loop.call_soon_threadsafe(bridge.drain)
    except RuntimeError:
        # The loop was closed meanwhile. Nobody awaits anything on it.
        return
