"""The options that a client takes: from arguments, from the environment, and what they do."""

from __future__ import annotations

import contextlib
import re
import socket
import ssl
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme

import verigator
from verigator import (
    Api,
    ConfigurationError,
    NoSuchResourceError,
    VerigatorConnectionError,
    VerigatorTimeoutError,
)


class Recorder:
    """Answers every request with a 404 and keeps their heads."""

    def __init__(self) -> None:
        self.heads: list[str] = []
        self.server = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.server.getsockname()[1]}"
        self.context: ssl.SSLContext | None = None
        self.stopping = False
        self.thread = threading.Thread(target=self.serve)

    def serve(self) -> None:
        while not self.stopping:
            connection, _ = self.server.accept()
            with contextlib.suppress(OSError), self.secured(connection) as stream:
                head = stream.recv(65536).decode()
                if not head:
                    continue
                self.heads.append(head)
                stream.sendall(
                    b"HTTP/1.1 404 Not Found\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}"
                )

    def secured(self, connection: socket.socket) -> socket.socket:
        if self.context is None:
            return connection
        return self.context.wrap_socket(connection, server_side=True)

    def stop(self) -> None:
        self.stopping = True
        socket.create_connection(self.server.getsockname()).close()
        self.thread.join()
        self.server.close()


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    recorder = Recorder()
    recorder.thread.start()
    yield recorder
    recorder.stop()


def test_everything_from_the_environment(
    recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VERIGATOR_USERNAME", "from-environment")
    monkeypatch.setenv("VERIGATOR_PASSWORD", "pass:word")
    monkeypatch.setenv("VERIGATOR_ENDPOINT", recorder.url)
    api = Api()
    assert repr(api) == f"Api(username='fr•••', endpoint='{recorder.url}')"
    with pytest.raises(NoSuchResourceError):
        api.services.get("x")
    assert "x-service-auth: from-environment:pass:word\r\n" in recorder.heads[0].lower()

    # What is said wins.
    with pytest.raises(NoSuchResourceError):
        Api("said", "too").services.get("x")
    assert "x-service-auth: said:too\r\n" in recorder.heads[1].lower()


def test_times_and_retries_from_the_environment(
    silent_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VERIGATOR_TIMEOUT", "0.1")
    monkeypatch.setenv("VERIGATOR_MAX_RETRIES", "1")
    with pytest.raises(VerigatorTimeoutError) as caught:
        Api("u", "p", silent_url).services.get("x")
    assert caught.value.attempts == 2
    monkeypatch.setenv("VERIGATOR_TIMEOUT", "soon")
    with pytest.raises(ConfigurationError, match="VERIGATOR_TIMEOUT"):
        Api("u", "p", silent_url)


def test_options_of_a_call_win_over_those_of_the_client(silent_url: str) -> None:
    api = Api("u", "p", silent_url, timeout=30, max_retries=5)
    with pytest.raises(VerigatorTimeoutError) as caught:
        api.services.get("x", timeout=0.1, max_retries=0)
    assert caught.value.attempts == 1
    with pytest.raises(VerigatorTimeoutError):
        api.services.get("x", deadline=0.1)


def test_the_user_agent(recorder: Recorder) -> None:
    api = Api("u", "p", recorder.url, app_info="shop/7 (test)")
    with pytest.raises(NoSuchResourceError):
        api.services.get("x")
    (agent,) = re.findall(r"^user-agent: (.*)\r$", recorder.heads[0], re.IGNORECASE | re.MULTILINE)
    version = ".".join(str(part) for part in sys.version_info[:3])
    assert agent == f"verigator-python/{verigator.__version__} CPython/{version} shop/7 (test)"


def test_the_default_endpoint_is_deprecated_and_says_so() -> None:
    api = Api("u", "p", proxy="http://127.0.0.1:1", max_retries=0)
    assert "https://api.verigator.com" in repr(api)
    with pytest.raises(ConnectionError) as caught:
        api.services.get("x")
    for hint in ("deprecated", "endpoint", "VERIGATOR_ENDPOINT", "verigator serve"):
        assert hint in str(caught.value)


def test_a_proxy_sees_the_request(recorder: Recorder) -> None:
    api = Api("u", "p", "http://verigator.test", proxy=recorder.url, allow_insecure_http=True)
    with pytest.raises(NoSuchResourceError):
        api.services.get("x")
    assert recorder.heads[0].startswith("GET http://verigator.test/v1/service/service/x HTTP/1.1")


def test_a_proxy_from_the_environment(recorder: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", recorder.url)
    api = Api("u", "p", "http://verigator.test", allow_insecure_http=True)
    with pytest.raises(NoSuchResourceError):
        api.services.get("x")
    assert recorder.heads[0].startswith("GET http://verigator.test/")


def test_idempotency_off_sends_no_key(recorder: Recorder) -> None:
    for idempotency, sent in (("auto", True), ("on", True), ("off", False)):
        api = Api("u", "p", recorder.url, idempotency=idempotency)  # type: ignore[arg-type]
        with pytest.raises(NoSuchResourceError):
            api.auth.initiate("s", "u", "sms")
        assert ("idempotency-key" in recorder.heads[-1].lower()) == sent


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    """An authority that no platform knows."""
    return trustme.CA()


@pytest.fixture
def secure_url(authority: trustme.CA, recorder: Recorder) -> str:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    recorder.context = context
    return recorder.url.replace("http:", "https:")


def test_an_unknown_certificate_is_refused(secure_url: str) -> None:
    with pytest.raises(ConnectionError) as caught:
        Api("u", "p", secure_url).services.get("x")
    assert isinstance(caught.value, VerigatorConnectionError)
    # It is never tried again.
    assert (caught.value.attempts, caught.value.outcome) == (1, "not_sent")


@pytest.mark.parametrize("form", ["str", "path", "bytes", "environment"])
def test_a_bundle_is_trusted(
    form: str,
    secure_url: str,
    authority: trustme.CA,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    roots = tmp_path / "roots.pem"
    authority.cert_pem.write_to_path(str(roots))
    forms: dict[str, Any] = {
        "str": str(roots),
        "path": roots,
        "bytes": roots.read_bytes(),
        "environment": None,
    }
    if form == "environment":
        monkeypatch.setenv("VERIGATOR_CA_BUNDLE", str(roots))
    with pytest.raises(NoSuchResourceError):
        Api("u", "p", secure_url, ca_bundle=forms[form]).services.get("x")


def test_a_bundle_that_is_none(tmp_path: Path) -> None:
    roots = tmp_path / "roots.pem"
    roots.write_text("nothing of the kind")
    for bundle in (roots, b"nothing of the kind", tmp_path / "missing.pem"):
        with pytest.raises(ConfigurationError, match="ca_bundle"):
            Api("u", "p", ca_bundle=bundle)


def test_a_missing_bundle_of_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VERIGATOR_CA_BUNDLE", str(tmp_path / "missing.pem"))
    with pytest.raises(ConfigurationError, match=r"missing\.pem"):
        Api("u", "p")
