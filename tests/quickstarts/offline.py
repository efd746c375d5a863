"""Runs a command with no network but a loopback of its own: `python offline.py COMMAND…`.

It takes a network namespace, so Linux, and either root or the right to make a user namespace."""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import socket
import struct
import sys

_NEW_USER, _NEW_NET = 0x10000000, 0x40000000
_SET_FLAGS, _UP = 0x8914, 0x1

#: An address that is nobody's.
_ELSEWHERE = ("192.0.2.1", 9)


def cut_off() -> None:
    """Leaves the network of this machine.

    Raises:
        OSError: the system does not let it.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    flags = _NEW_NET if os.geteuid() == 0 else _NEW_NET | _NEW_USER
    if libc.unshare(flags) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"no network of its own: {os.strerror(number)}")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, _SET_FLAGS, struct.pack("16sh14x", b"lo", _UP))
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        assert probe.connect_ex(_ELSEWHERE) == errno.ENETUNREACH


if __name__ == "__main__":
    cut_off()
    os.execvp(sys.argv[1], sys.argv[1:])
