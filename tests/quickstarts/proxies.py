"""Proxies as the pages configure them, with a certificate and places of a test's own."""

from __future__ import annotations

import ssl
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import trustme

from installing import find
from postgres import free_port
from served import PATIENCE, Served, environment
from verigator import Api

#: What the pages call the server.
HOST = "verigator.example.com"


def direct(*handlers: urllib.request.BaseHandler) -> urllib.request.OpenerDirector:
    """Asks without the environment's own proxy: everything is on this machine."""
    return urllib.request.build_opener(urllib.request.ProxyHandler({}), *handlers)


def certificate(folder: Path, chain: str, key: str, *names: str) -> Path:
    """Writes a certificate for the loopback and other names; gives that of its authority."""
    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1", "localhost", *names)
    issued.private_key_pem.write_to_path(str(folder / key))
    for link in issued.cert_chain_pems:
        link.write_to_path(str(folder / chain), append=True)
    authority.cert_pem.write_to_path(str(folder / "authority.pem"))
    return folder / "authority.pem"


@dataclass(frozen=True)
class Front:
    """A running proxy."""

    url: str
    authority: Path

    def status(self, path: str, method: str = "GET") -> int:
        """What it answers to a request."""
        context = ssl.create_default_context(cafile=str(self.authority))
        opener = direct(urllib.request.HTTPSHandler(context=context))
        try:
            request = urllib.request.Request(self.url + path, method=method)
            with opener.open(request, timeout=PATIENCE) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            error.close()
            return error.code

    def api(self, served: Served) -> Api:
        """A client of the server behind it."""
        return Api(served.username, served.password, self.url, ca_bundle=str(self.authority))


@contextmanager
def nginx(text: str, folder: Path) -> Iterator[Front]:
    """nginx with a page's part of its configuration."""
    port = free_port()
    text = text.replace("listen 443 ssl;", f"listen 127.0.0.1:{port} ssl;")
    text = text.replace(f"/etc/ssl/{HOST}.pem", str(folder / "server.pem"))
    text = text.replace(f"/etc/ssl/private/{HOST}.key", str(folder / "server.key"))
    places = " ".join(
        f"{name}_temp_path {folder}/{name};"
        for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (folder / "nginx.conf").write_text(
        f"daemon off; pid {folder}/nginx.pid; error_log {folder}/error.log;\n"
        f"events {{}} http {{ access_log off; {places}\n{text}\n}}"
    )
    with running(
        "nginx", "-p", str(folder), "-c", str(folder / "nginx.conf"), at=(folder, port)
    ) as it:
        yield it


@contextmanager
def caddy(text: str, folder: Path, host: str = HOST) -> Iterator[Front]:
    """Caddy with a page's configuration, in which the server is called `host`."""
    port = free_port()
    ours = f"https://127.0.0.1:{port} {{\n\ttls {folder}/server.pem {folder}/server.key"
    assert f"{host} {{" in text
    text = text.replace(f"{host} {{", ours)
    # Of the test: nobody else configures it, and it asks no authority for certificates.
    (folder / "Caddyfile").write_text("{\n\tadmin off\n\tauto_https off\n}\n" + text)
    command = ("caddy", "run", "--config", str(folder / "Caddyfile"))
    with running(*command, at=(folder, port)) as front:
        yield front


@contextmanager
def running(program: str, *arguments: str, at: tuple[Path, int]) -> Iterator[Front]:
    """Runs a proxy in a folder that gets a certificate for it, until it listens on a port."""
    folder, port = at
    path = find(program)
    assert path, f"{program} is missing: python tests/installing.py"
    authority = certificate(folder, "server.pem", "server.key")
    front = Front(f"https://127.0.0.1:{port}", authority)
    log = folder / "proxy.log"
    homes = {name: str(folder) for name in ("HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME")}
    with (
        log.open("wb") as out,
        subprocess.Popen(
            [path, *arguments], cwd=folder, env=environment(**homes), stdout=out, stderr=out
        ) as process,
    ):
        try:
            until = time.monotonic() + PATIENCE
            while not listens(front):
                assert process.poll() is None, log.read_text()
                assert time.monotonic() < until, log.read_text()
                time.sleep(0.05)
            yield front
        finally:
            process.terminate()
            process.wait(PATIENCE)


def listens(front: Front) -> bool:
    try:
        front.status("/")
    except OSError:
        return False
    return True
