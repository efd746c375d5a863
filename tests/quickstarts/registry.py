"""A registry for npm and pnpm on the loopback, with some tarballs and nothing else."""

from __future__ import annotations

import base64
import hashlib
import json
import tarfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

#: Old enough for those who install nothing that is new.
_PUBLISHED = "2020-01-01T00:00:00.000Z"


@contextmanager
def serving(tarballs: Path) -> Iterator[str]:
    """Serves the packages in a folder, one version of each; gives its URL."""
    packages = {it["name"]: it for path in tarballs.glob("*.tgz") for it in [_manifest(path)]}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            name = self.path[1:]
            if self.path.startswith("/-/"):
                self.answer(200, (tarballs / self.path[3:]).read_bytes())
            elif name in packages:
                self.answer(200, json.dumps(_package(packages[name], url, tarballs)).encode())
            else:
                self.answer(404, b'{"error": "not found"}')

        def answer(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield url
        finally:
            server.shutdown()
            thread.join()


def _manifest(path: Path) -> dict[str, Any]:
    with tarfile.open(path) as archive:
        file = archive.extractfile("package/package.json")
        assert file is not None
        return {**json.load(file), "_tarball": path.name}


def _package(manifest: dict[str, Any], url: str, tarballs: Path) -> dict[str, Any]:
    """What a registry says of a package."""
    name, version, tarball = manifest["name"], manifest["version"], manifest["_tarball"]
    digest = hashlib.sha512((tarballs / tarball).read_bytes()).digest()
    dist = {
        "tarball": f"{url}/-/{tarball}",
        "integrity": f"sha512-{base64.b64encode(digest).decode()}",
    }
    return {
        "name": name,
        "dist-tags": {"latest": version},
        "versions": {version: {**manifest, "_id": f"{name}@{version}", "dist": dist}},
        "time": {"created": _PUBLISHED, "modified": _PUBLISHED, version: _PUBLISHED},
    }
