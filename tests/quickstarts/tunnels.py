"""A proxy that leads every connection to one port of this machine, whatever it is asked for."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from served import PATIENCE


@dataclass
class Tunnel:
    """A running proxy."""

    port: int
    #: Where each connection was to lead, and with whose credentials.
    asked: list[tuple[str, str | None]] = field(default_factory=list)


@contextmanager
def tunnel(to: int) -> Iterator[Tunnel]:
    """Runs one that leads to a port."""

    class Handler(BaseHTTPRequestHandler):
        def do_CONNECT(self) -> None:
            running.asked.append((self.path, self.headers["Proxy-Authorization"]))
            with socket.create_connection(("127.0.0.1", to), timeout=PATIENCE) as there:
                self.send_response(200)
                self.end_headers()
                back = threading.Thread(target=pour, args=(there, self.connection))
                back.start()
                pour(self.connection, there)
                back.join()
            self.close_connection = True

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        running = Tunnel(server.server_address[1])
        serving = threading.Thread(target=server.serve_forever)
        serving.start()
        try:
            yield running
        finally:
            server.shutdown()
            serving.join()


def pour(source: socket.socket, drain: socket.socket) -> None:
    """Passes on what comes, until no more does."""
    try:
        while data := source.recv(65536):
            drain.sendall(data)
        drain.shutdown(socket.SHUT_WR)
    except OSError:
        # One side is gone; the other learns of it by its own end.
        source.close()
