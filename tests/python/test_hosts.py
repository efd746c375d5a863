"""Where a request must not go: to wherever a redirect points, and to a server that is not who it
should be."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
import trustme

from calls import OPERATIONS, SUCCESS, call, wire_name
from scripted import Scripted, answer, scripted
from verigator import Api, AsyncApi, Service, VerigatorConnectionError, VerigatorError

CLIENTS = pytest.mark.parametrize("cls", [Api, AsyncApi], ids=["api", "async"])


@pytest.fixture(scope="session")
def there() -> Iterator[Scripted]:
    """Where a redirect points. A client that came would be served."""
    with scripted(lambda _: answer(200, {"verified": True, "method": "sms"})) as server:
        yield server


@pytest.fixture(scope="session")
def here(there: Scripted) -> Iterator[Scripted]:
    """Sends everybody away with the status, and to the host, that its path begins with."""
    with scripted(
        lambda request: answer(
            int(request.target.split("/")[1]),
            {"message": "elsewhere"},
            location=f"http://{request.target.split('/')[2]}:{there.port}/v1",
        )
    ) as server:
        yield server


@CLIENTS
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(
    cls: type[Api | AsyncApi], host: str, status: int, here: Scripted, there: Scripted
) -> None:
    for idempotency in ("on", "off"):
        client = cls("u", "p", f"{here.url}/{status}/{host}", idempotency=idempotency)
        for operation, arguments in OPERATIONS.items():
            before = len(here.requests)
            with pytest.raises(VerigatorError) as caught:
                call(client, operation, **arguments)
            error = caught.value
            assert type(error) is VerigatorError
            assert (error.code, error.attempts) == (status, 1)
            assert (error.outcome, error.safe_to_retry) == ("rejected", False)
            assert len(here.requests) == before + 1
    assert there.connections == 0


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    """An authority that no platform knows."""
    return trustme.CA()


@pytest.fixture(scope="session")
def bundle(authority: trustme.CA) -> bytes:
    return authority.cert_pem.bytes()


def secured(authority: trustme.CA, host: str, until: datetime | None = None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(host, not_after=until).configure_cert(context)
    return context


def serve(context: ssl.SSLContext) -> Iterator[Scripted]:
    with scripted(lambda _: answer(*SUCCESS["services.get"]), context) as server:
        yield server


@pytest.fixture(scope="session")
def right(authority: trustme.CA) -> Iterator[Scripted]:
    yield from serve(secured(authority, "127.0.0.1"))


@pytest.fixture(scope="session")
def misnamed(authority: trustme.CA) -> Iterator[Scripted]:
    yield from serve(secured(authority, "verigator.test"))


@pytest.fixture(scope="session")
def expired(authority: trustme.CA) -> Iterator[Scripted]:
    yesterday = datetime.now(timezone.utc) - timedelta(days=1)
    yield from serve(secured(authority, "127.0.0.1", yesterday))


@pytest.fixture(params=["wrong name", "expired", "unknown authority", "another authority"])
def wrong(
    request: pytest.FixtureRequest,
    right: Scripted,
    misnamed: Scripted,
    expired: Scripted,
    bundle: bytes,
) -> tuple[Scripted, bytes | None]:
    """A server, and what its client trusts."""
    return {
        "wrong name": (misnamed, bundle),
        "expired": (expired, bundle),
        "unknown authority": (right, None),
        "another authority": (right, trustme.CA().cert_pem.bytes()),
    }[str(request.param)]


@CLIENTS
@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_wrong_certificate_is_refused(
    cls: type[Api | AsyncApi], operation: str, wrong: tuple[Scripted, bytes | None]
) -> None:
    server, bundle = wrong
    connections, requests = server.connections, len(server.requests)
    client = cls("u", "p", server.url, idempotency="on", ca_bundle=bundle)
    with pytest.raises(VerigatorConnectionError, match="certificate") as caught:
        call(client, operation, **OPERATIONS[operation])
    error = caught.value
    assert error.operation == wire_name(operation)
    # It would be refused again.
    assert (error.attempts, error.safe_to_retry) == (1, False)
    assert (error.code, error.outcome) == (0, "not_sent")
    assert isinstance(error.__cause__, Exception)
    assert (server.connections, len(server.requests)) == (connections + 1, requests)


@CLIENTS
@pytest.mark.parametrize("form", ["str", "path", "bytes", "among others"])
def test_a_bundle_is_trusted(
    cls: type[Api | AsyncApi], form: str, right: Scripted, bundle: bytes, tmp_path: Path
) -> None:
    roots = tmp_path / "roots.pem"
    roots.write_bytes(bundle)
    forms: dict[str, str | Path | bytes] = {
        "str": str(roots),
        "path": roots,
        "bytes": bundle,
        "among others": trustme.CA().cert_pem.bytes() + bundle,
    }
    client = cls("u", "p", right.url, ca_bundle=forms[form])
    assert isinstance(call(client, "services.get", id="x"), Service)


@CLIENTS
def test_a_bundle_of_the_environment_is_trusted(
    cls: type[Api | AsyncApi],
    right: Scripted,
    bundle: bytes,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "roots.pem").write_bytes(bundle)
    monkeypatch.setenv("VERIGATOR_CA_BUNDLE", str(tmp_path / "roots.pem"))
    assert isinstance(call(cls("u", "p", right.url), "services.get", id="x"), Service)


@CLIENTS
def test_what_one_client_trusts_another_does_not(
    cls: type[Api | AsyncApi], right: Scripted, bundle: bytes
) -> None:
    assert call(cls("u", "p", right.url, ca_bundle=bundle), "services.get", id="x")
    with pytest.raises(VerigatorConnectionError):
        call(cls("u", "p", right.url), "services.get", id="x")
