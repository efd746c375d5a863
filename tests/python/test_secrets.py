"""No secret is shown: not by repr and str, not in logs at their most verbose, in errors, pickles,
nor in tracebacks that show local variables. Everything is called, and fails in every way."""

from __future__ import annotations

import asyncio
import copy
import functools
import inspect
import io
import json
import logging
import os
import pickle
import signal
import sys
import threading
import time
import traceback
import urllib.parse
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from types import FrameType
from typing import Any, cast

import pytest
import trustme

import programs
import verigator
from calls import SUCCESS, WIRE
from scripted import Answer, Request, answer, scripted
from test_hosts import secured
from verigator import Api, AsyncApi, Verigator, VerigatorError, _core
from verigator._models import bound_service, bound_user
from verigator.testing import Sandbox

LIBRARY = str(Path(verigator.__file__).parent)


class Given:
    """Values that occur nowhere else. It shows none of them itself, so that the tests' own frames
    may be searched, too."""

    account = "quentin_account"
    password = "pass-word-93b1"
    proxy_password = "proxy-pass-77c2"
    token = "81273645"
    number = "+3725551234567"
    username = "john.doe.0815"

    def __repr__(self) -> str:
        return "Given()"


GIVEN = Given()
SECRETS = (
    *(value for name, value in vars(Given).items() if not name.startswith("_")),
    GIVEN.number[1:],
)

TIME = "2017-09-15T06:44:15.274438"

Call = Callable[[Any], Any]

CALLS: dict[str, Call] = {
    "services.create": lambda api: api.services.create("example.com", "Example"),
    "services.get": lambda api: api.services.get("s"),
    "services.delete": lambda api: api.services.delete("s"),
    "users.create": lambda api: api.users.create("s", GIVEN.number, GIVEN.username),
    "users.get": lambda api: api.users.get("s", "u"),
    "users.get_all": lambda api: api.users.get_all("s"),
    "users.delete": lambda api: api.users.delete("s", "u"),
    "auth.initiate": lambda api: api.auth.initiate("s", "u", "sms"),
    "auth.verify": lambda api: api.auth.verify("s", "u", GIVEN.token),
    "auth.verify_detailed": lambda api: api.auth.verify_detailed(
        "s", "u", GIVEN.token, method="sms"
    ),
    "auth.verify_or_raise": lambda api: api.auth.verify_or_raise("s", "u", GIVEN.token),
    "totp.enrol": lambda api: api.totp.enrol("s", "u"),
    "totp.confirm": lambda api: api.totp.confirm("s", "u", GIVEN.token),
    "totp.remove": lambda api: api.totp.remove("s", "u"),
}
# On services and users themselves, which a blocking client makes.
OBJECTS: dict[str, Call] = {
    "registerUser": lambda api: service(api).registerUser(GIVEN.username, GIVEN.number),
    "getUsers": lambda api: service(api).getUsers(),
    "authenticateUsingSMS": lambda api: user(api).authenticateUsingSMS(),
    "verifyPin": lambda api: user(api).verifyPin(GIVEN.token),
    "delete": lambda api: user(api).delete(),
}
# Refused before anything is sent, for a type or a value.
REFUSED: dict[str, Call] = {
    "token of a type": lambda api: api.auth.verify("s", "u", int(GIVEN.token)),
    "token that is no text": lambda api: api.auth.verify("s", "u", GIVEN.token + "\ud800"),
    "id beside a token": lambda api: api.auth.verify("", "u", GIVEN.token),
    "method beside a token": lambda api: api.auth.verify("s", "u", GIVEN.token, method="mail"),
    "option beside a token": lambda api: api.auth.verify("s", "u", GIVEN.token, timeout=-1),
    "code of a type": lambda api: api.totp.confirm("s", "u", GIVEN.token.encode()),
    "number of a type": lambda api: api.users.create("s", [GIVEN.number], GIVEN.username),
    "number that is no text": lambda api: api.users.create("s", GIVEN.number + "\ud800", "x"),
    "id beside a number": lambda api: api.users.create("", GIVEN.number, GIVEN.username),
    "username of a type": lambda api: api.users.create("s", GIVEN.number, {GIVEN.username}),
}


def service(api: Api) -> verigator.Service:
    return bound_service(("s", TIME, "Example"), api._caller)


def user(api: Api) -> verigator.User:
    return bound_user(("u", TIME, GIVEN.username), api._caller, "s")


def echoing(status: int, request: Request) -> Answer:
    """Everything that came, in every place that there is for words."""
    came = json.dumps({"body": request.body.decode(), **request.headers})
    words = dict.fromkeys(("message", "code", "detail", "error", "input"), came)
    return answer(status, {**words, "status": {"result": came}})


# What a server may answer, good and bad.
ANSWERS: dict[str, Callable[[Request], Answer]] = {
    **{
        str(status): functools.partial(echoing, status)
        for status in (200, 307, 400, 401, 403, 404, 409, 410, 418, 422, 429, 500, 502, 503)
    },
    "in HTML": lambda request: Answer(
        b"HTTP/1.1 500 Error\r\ncontent-length: %d\r\n\r\n" % len(request.body) + request.body
    ),
    "no JSON": lambda request: Answer(
        b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n<" % (len(request.body) + 1) + request.body
    ),
    "another type": lambda request: answer(
        200,
        {
            name: [request.body.decode()]
            for name in ("id", "users", "method", "verified", "confirmed", "uri")
        },
    ),
    "half": lambda request: Answer(
        b"HTTP/1.1 200 OK\r\ncontent-length: 999\r\n\r\n" + request.body, then="close"
    ),
    "no head": lambda request: Answer(request.body or b"nothing", then="close"),
    "reset": lambda _: Answer(then="reset"),
    "end": lambda _: Answer(then="close"),
    "silence": lambda _: Answer(then="wait"),
    "not verified": lambda _: answer(200, {"verified": False, "method": "sms"}),
}


def answer_by_path(request: Request) -> Answer:
    if request.method == "CONNECT":
        return answer(407, {"message": "not through here"})
    way = urllib.parse.unquote(request.target.split("/")[1])
    return ANSWERS[way](request)


class Failing:
    """Clients whose calls fail, each in a way of its own."""

    def __init__(self, stack: ExitStack) -> None:
        base = stack.enter_context(scripted(answer_by_path))
        authority = trustme.CA()
        secure = stack.enter_context(
            scripted(lambda _: answer(404), secured(authority, "another.test"))
        )
        proxy = f"http://user:{GIVEN.proxy_password}@127.0.0.1"
        outside = "https://verigator.test"
        self.ways: dict[str, tuple[str, dict[str, Any]]] = {
            **{way: (f"{base.url}/{urllib.parse.quote(way)}", {}) for way in ANSWERS},
            "refused": (stack.enter_context(Sandbox()).url, {}),
            "nowhere": ("http://127.0.0.1:1", {}),
            "certificate": (secure.url, {"ca_bundle": authority.cert_pem.bytes()}),
            "no proxy": (outside, {"proxy": f"{proxy}:1"}),
            "a proxy that refuses": (outside, {"proxy": f"{proxy}:{base.port}"}),
            "closed": ("http://127.0.0.1:1", {}),
        }

    def client(self, cls: type[Any], way: str) -> Any:
        endpoint, options = self.ways[way]
        timeout = 0.03 if way == "silence" else 5
        client = cls(
            GIVEN.account, GIVEN.password, endpoint, max_retries=0, timeout=timeout, **options
        )
        if way == "closed":
            client.close()
        return client


WAYS = (*ANSWERS, "refused", "nowhere", "certificate", "no proxy", "a proxy that refuses", "closed")


@pytest.fixture(scope="session")
def failing() -> Iterator[Failing]:
    with ExitStack() as stack:
        failing = Failing(stack)
        assert set(failing.ways) == set(WAYS)
        yield failing


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> Iterator[io.StringIO]:
    """All that is logged by anybody at any level, written out."""
    caplog.set_level(1)
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s %(args)s %(threadName)s"))
    logging.getLogger().addHandler(handler)
    yield written
    logging.getLogger().removeHandler(handler)


def hidden(*shown: object) -> None:
    for text in shown:
        found = [secret for secret in SECRETS if secret in str(text)]
        assert found == [], text


def hidden_in_error(error: BaseException) -> None:
    full = traceback.TracebackException.from_exception(error, capture_locals=True)
    formatted = "".join(full.format())
    assert LIBRARY in formatted
    hidden(formatted, "".join(traceback.format_exception(error)))
    hidden(str(error), repr(error), error.args, vars(error), dir(error))
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        hidden(pickle.dumps(error, protocol))
    hidden(repr(copy.deepcopy(error)), repr(error.__cause__), repr(error.__context__))


def ended(client: Any, call: Call) -> BaseException | None:
    """The error of a call, if it has one."""
    try:
        reply = call(client)
        if inspect.iscoroutine(reply):
            # Debugging, asyncio logs more, and keeps where everything came from.
            hidden(reply, vars(client))
            asyncio.run(reply, debug=True)
    except VerigatorError as error:
        return error
    return None


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("cls", [Api, AsyncApi], ids=["api", "async"])
def test_every_call_in_every_way_to_fail(
    cls: type[Any],
    way: str,
    failing: Failing,
    log: io.StringIO,
    capfd: pytest.CaptureFixture[str],
) -> None:
    client = failing.client(cls, way)
    calls = {**CALLS, **(OBJECTS if cls is Api else {}), **REFUSED}
    errors = {name: ended(client, call) for name, call in calls.items()}
    for name, error in errors.items():
        if error is not None:
            hidden_in_error(error)
        else:
            # Answers of success. What deletes wants no particular one.
            deletes = "delete" in name or "remove" in name
            assert way in ("200", "not verified", *(["another type"] if deletes else [])), name
    hidden(repr(client), str(client), vars(client), dir(client))
    assert "services.get" in log.getvalue()
    hidden(log.getvalue(), *capfd.readouterr())


def test_every_call_that_succeeds(log: io.StringIO) -> None:
    replies: list[Any] = []
    for operation in WIRE:
        with scripted(lambda _, it=operation: answer(*SUCCESS[it])) as server:  # type: ignore[misc]
            api = Api(GIVEN.account, GIVEN.password, server.url)
            replies.append(CALLS[operation](api))
            waiting = AsyncApi(GIVEN.account, GIVEN.password, server.url)
            asyncio.run(CALLS[operation](waiting), debug=True)
    hidden(repr(replies), log.getvalue())
    # What only the server knew.
    assert "JBSWY3DP" not in repr(replies) + log.getvalue()


@pytest.mark.parametrize("cls", [Api, AsyncApi, Verigator])
@pytest.mark.parametrize(
    "wrong",
    [
        {"timeout": -1},
        {"endpoint": f"https://user:{GIVEN.password}@verigator.test"},
        {"endpoint": f"http://{GIVEN.password}"},
        {"proxy": f"nonsense://user:{GIVEN.proxy_password}@verigator.test"},
        {"proxy": f"user:{GIVEN.proxy_password}"},
        {"username": f"{GIVEN.account}:"},
        {"username": f"{GIVEN.account}\n"},
        {"password": f"{GIVEN.password}\n"},
        {"password": [GIVEN.password]},
        {"password": f"{GIVEN.password}\ud800"},
        {"ca_bundle": b"nothing"},
        {"app_info": "\x00"},
    ],
    ids=range(12),
)
def test_options(cls: type[Any], wrong: dict[str, Any]) -> None:
    def refused() -> verigator.ConfigurationError:
        try:
            cls(**{"username": GIVEN.account, "password": GIVEN.password, **wrong})
        except verigator.ConfigurationError as error:
            return error
        raise AssertionError("they were taken")

    error = refused()
    # From the library on: the test's own frame has the options.
    trace = error.__traceback__
    assert trace is not None
    hidden_in_error(error.with_traceback(trace.tb_next))


def test_options_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VERIGATOR_USERNAME", GIVEN.account)
    monkeypatch.setenv("VERIGATOR_PASSWORD", GIVEN.password)
    monkeypatch.setenv("HTTP_PROXY", f"http://user:{GIVEN.proxy_password}@127.0.0.1:1")
    api = Api(endpoint="http://verigator.test", allow_insecure_http=True, max_retries=0)
    hidden(repr(api), vars(api))
    error = ended(api, CALLS["auth.verify"])
    assert isinstance(error, verigator.VerigatorConnectionError)
    hidden_in_error(error)


def frames_of_thread(frame: FrameType | None) -> Iterator[FrameType]:
    while frame is not None:
        yield frame
        frame = frame.f_back


def frames_of_task(task: asyncio.Task[Any]) -> Iterator[FrameType]:
    awaiting: Any = task.get_coro()
    while inspect.iscoroutine(awaiting):
        yield cast("FrameType", awaiting.cr_frame)
        awaiting = awaiting.cr_await


def of_library(frames: Iterable[FrameType]) -> list[FrameType]:
    """The method's frame, and that of what runs calls."""
    return [it for it in frames if it.f_code.co_filename.startswith(LIBRARY)]


def test_what_a_sampler_sees_of_a_waiting_call(silent_url: str) -> None:
    api = Api(GIVEN.account, GIVEN.password, silent_url, max_retries=0, timeout=1)
    names = ("users.create", "auth.verify", "auth.verify_or_raise", "totp.confirm")
    threads = [threading.Thread(target=ended, args=(api, CALLS[name])) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        frames: list[FrameType] = []
        while len(frames) < 2:
            frames = of_library(frames_of_thread(sys._current_frames().get(thread.ident or 0)))
        # It waits from now on.
        time.sleep(0.05)
        hidden(*(it.f_locals for it in frames))
        del frames
    for thread in threads:
        thread.join()


@pytest.mark.parametrize("name", ["users.create", "auth.verify", "auth.verify_or_raise"])
def test_a_call_that_is_cancelled(name: str, silent_url: str, log: io.StringIO) -> None:
    async def main() -> BaseException:
        api = AsyncApi(GIVEN.account, GIVEN.password, silent_url)
        task = asyncio.create_task(CALLS[name](api))
        await asyncio.sleep(0.05)
        stack = io.StringIO()
        task.print_stack(file=stack)
        hidden(repr(task), stack.getvalue())
        frames = of_library(frames_of_task(task))
        assert len(frames) == 2
        hidden(*(it.f_locals for it in frames))
        task.cancel()
        try:
            await task
        except asyncio.CancelledError as error:
            return error
        raise AssertionError("it was answered")

    error = asyncio.run(main(), debug=True)
    shown = traceback.TracebackException.from_exception(error, capture_locals=True)
    hidden("".join(shown.format()), log.getvalue())


def test_a_call_that_ctrl_c_ends(silent_url: str) -> None:
    api = Api(GIVEN.account, GIVEN.password, silent_url)
    timer = threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    with pytest.raises(KeyboardInterrupt) as caught:
        api.auth.verify("s", "u", GIVEN.token)
    timer.join()
    shown = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
    text = "".join(shown.format())
    assert LIBRARY in text
    hidden(text)


def test_a_process_that_tells_everything(silent_url: str) -> None:
    # Written to its standard error, with all that Python and Rust have for debugging.
    with programs.started(
        """
        import asyncio, logging, sys
        logging.basicConfig(level=1)
        from verigator import Api, AsyncApi
        url, account, password, number, username, token = sys.stdin.read().split()
        def run(cls, finish):
            for endpoint in (url, "http://127.0.0.1:1"):
                options = {"timeout": 0.1, "max_retries": 0}
                api = cls(account, password, endpoint, **options)
                for call in (
                    lambda: api.users.create("s", number, username),
                    lambda: api.auth.verify("s", "u", token),
                ):
                    try:
                        finish(call())
                    except Exception:
                        logging.exception("it failed")
        run(Api, lambda reply: reply)
        run(AsyncApi, lambda reply: asyncio.run(reply, debug=True))
        """,
        environment={"RUST_LOG": "trace", "RUST_BACKTRACE": "full", "PYTHONDEVMODE": "1"},
    ) as program:
        given = (silent_url, GIVEN.account, GIVEN.password)
        about = (GIVEN.number, GIVEN.username, GIVEN.token)
        out, err = program.communicate("\n".join((*given, *about)), timeout=30)
    assert program.returncode == 0
    assert out == ""
    assert err.count("it failed") == 8
    hidden(err)


def test_the_native_objects() -> None:
    proxy = f"http://user:{GIVEN.proxy_password}@127.0.0.1"
    config = _core.Config(GIVEN.account, GIVEN.password, *(None,) * 7, proxy, None, None, False)
    calls = [
        _core.auth_verify("s", "u", GIVEN.token, None),
        _core.users_create("s", GIVEN.number, GIVEN.username),
        _core.auth_verify("s", "u", int(GIVEN.token), None),  # type: ignore[arg-type]
    ]
    assert repr(calls[0]) == "<verigator._core.Call auth.verify>"
    for it in (config, *calls, _core.BlockingClient(config), _core.AsyncClient(config)):
        hidden(repr(it), str(it), *(getattr(it, name) for name in dir(it)))
        with pytest.raises(TypeError):
            pickle.dumps(it)
        with pytest.raises(TypeError):
            copy.copy(it)


def test_models_and_messages(verigator_sandbox: Sandbox) -> None:
    sandbox = verigator_sandbox
    api = sandbox.api()
    service = api.services.create("example.com", "Example")
    user = api.users.create(service.id, GIVEN.number, GIVEN.username)
    user.authenticate_using_sms()
    message = sandbox.wait_for_message(GIVEN.number)
    enrolment = api.totp.enrol(service.id, user.id)
    shown = f"{service!r} {user!r} {message!r} {sandbox.messages!r} {enrolment!r} {sandbox!r}"
    hidden(shown)
    for secret in (message.pin, enrolment.secret, "john.doe", sandbox.password * 2):
        assert secret not in shown
    refused = api.auth.verify_detailed(service.id, user.id, GIVEN.token)
    hidden(repr(refused), pickle.dumps(refused))
    # A pickled user has its name, and nothing of what it can be reached by.
    pickled = pickle.dumps(user)
    assert not [it for it in SECRETS if it != GIVEN.username and it in str(pickled)]
