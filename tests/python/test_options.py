"""The options that a client takes: from arguments, from the environment, and what they do."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import verigator
from scripted import Scripted, answer, scripted
from verigator import Api, ConfigurationError, NoSuchResourceError, VerigatorTimeoutError


@pytest.fixture
def recorder() -> Iterator[Scripted]:
    """Answers every request with a 404."""
    with scripted(lambda _: answer(404)) as server:
        yield server


def test_everything_from_the_environment(
    recorder: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VERIGATOR_USERNAME", "from-environment")
    monkeypatch.setenv("VERIGATOR_PASSWORD", "pass:word")
    monkeypatch.setenv("VERIGATOR_ENDPOINT", recorder.url)
    api = Api()
    assert repr(api) == f"Api(username='fr•••', endpoint='{recorder.url}')"
    with pytest.raises(NoSuchResourceError):
        api.services.get("x")
    assert recorder.requests[0].headers["x-service-auth"] == "from-environment:pass:word"

    # What is said wins.
    with pytest.raises(NoSuchResourceError):
        Api("said", "too").services.get("x")
    assert recorder.requests[1].headers["x-service-auth"] == "said:too"


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


def test_the_user_agent(recorder: Scripted) -> None:
    api = Api("u", "p", recorder.url, app_info="shop/7 (test)")
    with pytest.raises(NoSuchResourceError):
        api.services.get("x")
    agent = recorder.requests[0].headers["user-agent"]
    version = ".".join(str(part) for part in sys.version_info[:3])
    assert agent == f"verigator-python/{verigator.__version__} CPython/{version} shop/7 (test)"


def test_the_default_endpoint_is_deprecated_and_says_so() -> None:
    api = Api("u", "p", proxy="http://127.0.0.1:1", max_retries=0)
    assert "https://api.verigator.com" in repr(api)
    with pytest.raises(ConnectionError) as caught:
        api.services.get("x")
    for hint in ("deprecated", "endpoint", "VERIGATOR_ENDPOINT", "verigator serve"):
        assert hint in str(caught.value)


def test_a_proxy_sees_the_request(recorder: Scripted) -> None:
    api = Api("u", "p", "http://verigator.test", proxy=recorder.url, allow_insecure_http=True)
    with pytest.raises(NoSuchResourceError):
        api.services.get("x")
    assert recorder.requests[0].target == "http://verigator.test/v1/service/service/x"


def test_a_proxy_from_the_environment(recorder: Scripted, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", recorder.url)
    api = Api("u", "p", "http://verigator.test", allow_insecure_http=True)
    with pytest.raises(NoSuchResourceError):
        api.services.get("x")
    assert recorder.requests[0].target.startswith("http://verigator.test/")


def test_idempotency_off_sends_no_key(recorder: Scripted) -> None:
    for idempotency, sent in (("auto", True), ("on", True), ("off", False)):
        api = Api("u", "p", recorder.url, idempotency=idempotency)  # type: ignore[arg-type]
        with pytest.raises(NoSuchResourceError):
            api.auth.initiate("s", "u", "sms")
        assert ("idempotency-key" in recorder.requests[-1].headers) == sent


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
