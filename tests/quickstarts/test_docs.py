"""What the README and the pages of docs/ show is run, or checked by the program it is for. What
can't be says so on the page, and is listed here."""

from __future__ import annotations

import asyncio
import base64
import csv
import hashlib
import hmac
import io
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from queue import Queue
from typing import Any

import pytest
import yaml

import shell
from blocks import ALL, PAGES, ROOT, Block, to_run
from postgres import free_port
from proxies import HOST, caddy, certificate, direct, nginx
from scripted import Answer, Request, answer, scripted
from served import PATIENCE, PROGRAM, Served, environment, serving
from tunnels import tunnel
from verigator import Api, NoSuchResourceError, Service, User
from verigator.testing import Sandbox

pytest_plugins = ["served_fixtures"]

#: What is on the pages and not run here, with the reason beside it there.
NOT_RUN = {
    ("README.md", "Verigator", "sh"),
    ("migrate-from-java.md", "Keep the old client", "java"),
    ("performance.md", "How fast it is", "sh"),
    ("server.md", "As a service", "sh"),
    ("server.md", "In a container", "sh"),
    ("server.md", "PostgreSQL", "sh"),
    ("server.md", "Several servers", "sh"),
}
#: Run by test_readme.py, test_wheels.py and test_npm.py, and as a documentation test of the crate
#: `verigator-tests`.
QUICKSTARTS = {
    ("README.md", "Python", "python"),
    ("README.md", "Node", "js"),
    ("README.md", "Rust", "rust"),
    ("README.md", "The server", "sh"),
}
#: Where the repository's own files are shown to whoever has only a package.
OWN = re.compile(
    "https://(?:github.com/verigator/verigator/(?:blob|tree)|"
    "raw.githubusercontent.com/verigator/verigator)/main/"
)
#: Run as documentation tests of the crate `verigator-tests`.
IN_RUST = {
    ("fork-and-async.md", "Rust", "rust"),
    ("proxies-and-cas.md", "Rust", "rust"),
}
#: The apps that pages include parts of; run.py runs the tests of the first three by name.
APPS = ("fastapi", "django", "express", "axum")
TUTORIALS = [f"{app}.md" for app in APPS]
#: The pages whose commands are run, all of each, by the tests of commands below.
COMMANDED = {"server.md", "command-line.md", "security-properties.md", "index.md"}
COMMANDED |= {"test-your-login.md", *TUTORIALS}


def test_each_block_is_run_or_says_why_not() -> None:
    assert {block.place for block in ALL if block.not_run is not None} == NOT_RUN
    own = [block for block in ALL if block.not_run is None and block.included is None]
    run = {block.place for block in own} - QUICKSTARTS - IN_RUST
    programs = {place for place in run if place[2] in {"python", "js"}}
    assert programs == PROGRAMS.keys()
    # No place has two programs, of which one could be left out.
    assert len([block for block in own if block.place in PROGRAMS]) == len(PROGRAMS)
    # Text is what a program prints.
    others = {"sh", "toml", "nginx", "caddyfile", "yaml", "http", "text"}
    assert {language for _, _, language in run - programs} == others
    assert {page for page, _, language in run if language == "sh"} == COMMANDED


@pytest.mark.parametrize("block", [it for it in ALL if it.included], ids=str)
def test_what_is_included_is_of_a_tested_app(block: Block) -> None:
    assert block.included
    name, part = block.included
    assert name.startswith(tuple(f"examples/{app}/" for app in APPS))
    text = (ROOT / name).read_text(encoding="utf-8")
    for edge in ("start", "end") if part else ():
        assert text.count(f"--8<-- [{edge}:{part}]") == 1
    suites = (ROOT / "tests" / "run.py").read_text(encoding="utf-8")
    assert '"cargo", "test", "--workspace"' in suites
    for app in APPS[:3]:
        assert f'"examples/{app}' in suites


@pytest.mark.parametrize("page", [page for page in PAGES if page.name != "README.md"], ids=str)
def test_links_lead_somewhere(page: Path) -> None:
    for path, anchor in re.findall(r"\]\(([^)#]*)#?([^)]*)\)", page.read_text(encoding="utf-8")):
        # What is generated is there once `make docs` has run, which checks these.
        if path.startswith(("http", "node-api/", "rust-api/")):
            continue
        to = (page.parent / path) if path else page
        assert to.exists(), path
        if anchor and to.suffix == ".md":
            headings = re.findall(r"^#+ (.+)$", to.read_text(encoding="utf-8"), re.MULTILINE)
            anchors = {re.sub(r"[^\w -]", "", it).lower().replace(" ", "-") for it in headings}
            assert anchor in anchors, f"{path}#{anchor}"


@pytest.mark.parametrize("readme", [ROOT / "README.md", ROOT / "server" / "README.md"], ids=str)
def test_a_readmes_links_lead_somewhere_from_a_package_index(readme: Path) -> None:
    text = readme.read_text(encoding="utf-8")
    links = re.findall(r"""\]\(([^)]*)\)|(?:src|srcset)="([^"]*)\"""", text)
    assert links
    for link, picture in links:
        address = link or picture
        assert address.startswith("https://"), address
        if own := OWN.match(address):
            assert (ROOT / address[own.end() :]).exists(), address


# The commands.


def test_the_operators_commands(tmp_path: Path) -> None:
    certificate(tmp_path, "server.pem", "server.key")
    said = shell.run(to_run(ROOT / "docs" / "server.md", "sh"), tmp_path)
    assert '"name":"Example"' in said
    assert "shop 20" in said
    # The last replacement of the key left one.
    assert len((tmp_path / "verigator.key").read_text().split()) == 1
    assert (tmp_path / "backup.db").exists()


def test_the_readmes_commands(tmp_path: Path) -> None:
    first, second, _ = to_run(ROOT / "README.md", "sh")
    assert "Example" in shell.run([first, second], tmp_path)


#: What a person types, when asked.
TYPING = r"""
PASSWORD=$(verigator account create shop)
verigator serve
read() {
  case "$*" in
    '-rs VERIGATOR_PASSWORD') VERIGATOR_PASSWORD=$PASSWORD ;;
    '-rp PIN:  pin')
      until grep -q ' is your ' server.out; do sleep 0.05; done
      pin=$(sed -n 's/.*: \([0-9]*\) is your .*/\1/p' server.out) ;;
    *) echo "read $*?" >&2; return 1 ;;
  esac
}
"""


def test_the_clients_commands(tmp_path: Path) -> None:
    blocks = to_run(ROOT / "docs" / "command-line.md", "sh")
    local = [
        replace(it, text=it.text.replace(f"https://{HOST}", "http://127.0.0.1:8080"))
        for it in blocks
    ]
    assert local != blocks
    assert shell.run(local, tmp_path, before=TYPING).endswith("welcome\n")


def test_the_commands_of_how_to_test(tmp_path: Path) -> None:
    """They end in the PIN."""
    blocks = to_run(ROOT / "docs" / "how-to" / "test-your-login.md", "sh")
    said = shell.run(blocks, tmp_path)
    assert re.fullmatch(r"\d{6}", said.splitlines()[-1])


#: What runs an app in place of a page's last command, with a port of the test's own.
RUNS = {
    "fastapi.md": (
        "uvicorn --app-dir examples/fastapi --factory app:create_app",
        "$PYTHON -m uvicorn --port $PORT --app-dir $ROOT/examples/fastapi --factory app:create_app",
    ),
    "django.md": (
        "python examples/django/manage.py runserver",
        "$PYTHON $ROOT/examples/django/manage.py runserver --noreload $PORT",
    ),
    "express.md": ("node examples/express/server.mjs", "node $ROOT/examples/express/server.mjs"),
    # It is built already.
    "axum.md": (
        "cargo run --package verigator-example-axum",
        "$ROOT/target/debug/phone-login",
    ),
}

#: Runs an app until its page is there, and signs somebody up who has a PIN then.
SIGN_UP = r"""
{run} > app.log 2>&1 &
app=$!
trap 'kill "$app"; wait "$app" || true; stopped' EXIT
until curl -fs "http://127.0.0.1:$PORT/" > page.html; do
  kill -0 "$app" || {{ cat app.log >&2; exit 1; }}
  sleep 0.1
done
token=$(sed -n 's/.*csrfmiddlewaretoken" value="\([^"]*\)".*/\1/p;' page.html | head -1)
curl -fsL -c jar -b jar "http://127.0.0.1:$PORT/" > /dev/null
token=$(sed -n 's/.*csrftoken\t//p' jar)
curl -fsL -c jar -b jar "http://127.0.0.1:$PORT/signup" \
  -d name=jo --data-urlencode number=+37255555555 -d "csrfmiddlewaretoken=$token"
curl -fs http://127.0.0.1:8080/sandbox/messages | jq -r '.[-1].text'
"""


@pytest.mark.parametrize("name", TUTORIALS)
def test_a_tutorials_commands(name: str, tmp_path: Path) -> None:
    tutorial = ROOT / "docs" / "tutorial"
    common = to_run(tutorial / "index.md", "sh")
    install, start = (it for it in to_run(tutorial / name, "sh") if it.included is None)
    assert_is_there(install.text)
    shown, run = RUNS[name]
    assert start.text == f"{shown}\n"
    exports = f"export ROOT='{ROOT}' PYTHON='{sys.executable}' PORT={free_port()}\n"
    last = replace(start, text=SIGN_UP.format(run=run))
    said = shell.run([*common, last], tmp_path, before=exports)
    assert "We have sent you a PIN." in said
    assert " is your Example verification code" in said


def assert_is_there(commands: str) -> None:
    """What a page says to install is what its app is tested with."""
    python = of_the_examples((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    node = json.loads((ROOT / "package.json").read_text(encoding="utf-8"))["devDependencies"]
    rust = (ROOT / "examples" / "axum" / "Cargo.toml").read_text(encoding="utf-8")
    named = re.findall(
        r"^(pip install|npm install|cargo add) (.*?)(?: --.*)?$", commands, re.MULTILINE
    )
    assert len(named) == len(commands.splitlines())
    there = {
        "pip install": python | {"verigator"},
        "npm install": node.keys() | {"verigator"},
        "cargo add": set(re.findall(r"^([\w-]+)(?:\.workspace| =)", rust, re.MULTILINE)),
    }
    for command, packages in named:
        assert set(packages.split()) <= there[command], packages


def of_the_examples(text: str) -> set[str]:
    """The packages of the group `examples`, without a reader of TOML, which Python 3.10 lacks."""
    group = re.search(r"^examples = \[(.*?)^\]", text, re.MULTILINE | re.DOTALL)
    assert group
    return set(re.findall(r'"([\w-]+)==', group[1]))


def test_the_commands_of_the_security_properties() -> None:
    """They name tests and an example that are there."""
    text = "".join(it.text for it in to_run(ROOT / "docs" / "security-properties.md", "sh"))
    server = ROOT / "server"
    for kind, name in re.findall(r"--(test|example|lib) (\w+)", text):
        if kind == "lib":
            sources = server.glob("src/**/*.rs")
            assert any(f"fn {name}" in path.read_text(encoding="utf-8") for path in sources)
        else:
            assert (server / f"{kind}s" / f"{name}.rs").exists()


# What configures programs.


@pytest.mark.parametrize("block", [it for it in ALL if it.language == "toml"], ids=str)
def test_configuration(block: Block, tmp_path: Path) -> None:
    text = block.text
    for folder in ("/var/lib/verigator", "/etc/verigator"):
        text = text.replace(folder, str(tmp_path))
    text = text.replace("127.0.0.1:8080", "127.0.0.1:0")
    if "listen" not in text:
        text += 'listen = "127.0.0.1:0"\n'
    file = tmp_path / "verigator.toml"
    file.write_text(text, encoding="utf-8")
    subprocess.run(
        [PROGRAM, "account", "create", "shop", "--config", file],
        cwd=tmp_path,
        env=environment(),
        check=True,
    )
    with subprocess.Popen(
        [PROGRAM, "serve", "--config", file],
        cwd=tmp_path,
        env=environment(),
        stdout=subprocess.PIPE,
        text=True,
    ) as program:
        assert program.stdout is not None
        assert program.stdout.readline().startswith("Verigator on ")
        program.terminate()
        assert program.wait(PATIENCE) == 0
    assert (tmp_path / "verigator.db").exists()


def test_alerts(served: Served) -> None:
    """They ask for what the server has."""
    (block,) = [it for it in ALL if it.language == "yaml"]
    (group,) = yaml.safe_load(block.text)["groups"]
    with Api(served.username, served.password, served.url) as api:
        service = api.services.create("alerts.example.com", "Alerts")
        user = api.users.create(service.id, "+37250000001", "someone")
        api.auth.initiate(service.id, user.id, "sms")
        api.auth.verify(service.id, user.id, served.pin("+37250000001"))
    with direct().open(f"{served.url}/metrics", timeout=PATIENCE) as answer:
        metrics = answer.read().decode()
    there = set(re.findall(r"^(verigator_\w+)", metrics, re.MULTILINE))
    asked = {name for rule in group["rules"] for name in re.findall(r"verigator_\w+", rule["expr"])}
    assert asked
    assert asked <= there
    page = (ROOT / "docs" / "server.md").read_text(encoding="utf-8")
    table = page.split("## Watch")[1].split("```")[0]
    kinds = set(re.findall(r"^# TYPE (verigator_\w+)", metrics, re.MULTILINE))
    assert set(re.findall(r"`(verigator_\w+)", table)) == kinds


# Proxies.


@pytest.mark.parametrize(
    ("language", "start"), [("nginx", nginx), ("caddyfile", caddy)], ids=["nginx", "caddy"]
)
def test_behind_a_proxy(language: str, start: Callable[..., Any], tmp_path: Path) -> None:
    """A login through it; and nothing of the server but the API is there."""
    (block,) = [it for it in ALL if it.language == language]
    with serving("sqlite:verigator.db", tmp_path) as served:
        text = block.text.replace("127.0.0.1:8080", served.url.removeprefix("http://"))
        with start(text, tmp_path) as front:
            for path in ("/healthz", "/readyz", "/metrics", "/openapi.json"):
                assert front.status(path) == 404
            with front.api(served) as api:
                service = api.services.create("example.com", "Example")
                user = service.register_user("someone", "+37255555555")
                for _ in range(20):
                    assert service.get_users() == [user]
                user.authenticate_using_sms()
                assert user.verify_pin(served.pin("+37255555555"))


@pytest.mark.parametrize("method", ["POST", "PUT"])
@pytest.mark.parametrize(
    ("language", "start"), [("nginx", nginx), ("caddyfile", caddy)], ids=["nginx", "caddy"]
)
def test_a_proxy_repeats_nothing(
    language: str, start: Callable[..., Any], method: str, tmp_path: Path
) -> None:
    """Not even on a connection that it has kept, where it can't tell an answer that is lost from a
    request that never arrived."""
    (block,) = [it for it in ALL if it.language == language]

    def losing(request: Request) -> Answer:
        return answer(200) if request.method == "GET" else Answer(then="reset")

    with scripted(losing) as server:
        text = block.text.replace("127.0.0.1:8080", server.url.removeprefix("http://"))
        with start(text, tmp_path) as front:
            for time in range(1, 6):
                assert front.status("/v1/x") == 200
                assert front.status("/v1/x", method) == 502
                asked = [request.method for request in server.requests].count(method)
                assert asked == time


# Programs.

NUMBER = "+37255555555"


def fill(text: str, served: Served, **gaps: str) -> str:
    """A program with the server and its account in place of the example's."""
    text = re.sub(
        r"""(["'])password\1""", lambda found: found[1] + served.password + found[1], text
    )
    for gap, filling in {f"https://{HOST}": served.url, **gaps}.items():
        assert gap in text, gap
        text = text.replace(gap, filling)
    return text


def execute(text: str, **names: Any) -> dict[str, Any]:
    exec(compile(text, "example", "exec"), names)
    return names


def of_old_python(block: Block, served: Served, number: str, **_rest: Any) -> None:
    name = f"example-{number[1:]}"
    gaps = {NUMBER: number, '"example.com", "Example"': f'"{name}.example.com", "{name}"'}
    said = io.StringIO()
    names = execute(
        fill(block.text, served, **gaps),
        input=lambda _: served.pin(number),
        print=lambda *words: print(*words, file=said),
    )
    assert isinstance(names["api"], Api)
    assert said.getvalue() == "verified: True\n"


def with_errors(block: Block, served: Served, number: str, service: Service, **_rest: Any) -> None:
    names = execute(block.text)
    with Api(served.username, served.password, served.url, max_retries=0) as api:
        user = service.register_user("someone", number)
        login = (api, service.id, user.id)
        assert names["check"](*login, "123456") == "Please ask for a PIN first."
        assert names["send"](*login) == "We have sent you a PIN."
        assert names["send"](*login).startswith("Please wait ")
        pin = served.pin(number)
        wrong = pin[:-1] + str((int(pin[-1]) + 1) % 10)
        assert names["check"](*login, wrong) == "Wrong PIN."
        assert names["check"](*login, pin) is None
        another = number.replace("+3725", "+3726")
        login = (api, service.id, service.register_user("another", another).id)
        assert names["send"](*login) == "We have sent you a PIN."
        pin = served.pin(another)
        for _ in range(5):
            names["check"](*login, "no")
        assert names["check"](*login, pin) == "Please ask for a new PIN."
        assert names["send"](api, service.id, "nobody") == "No PIN could be sent (user_not_found)."


def moving(block: Block, served: Served, number: str, service: Service, tmp_path: Path) -> None:
    (tmp_path / "move.py").write_text(block.text, encoding="utf-8")
    there = service.register_user("there", number)
    (tmp_path / "users.csv").write_text(f"there,{number}\nnew,{number}\nbad,17\n")
    for _ in range(2):
        done = subprocess.run(
            [sys.executable, "move.py", service.id],
            cwd=tmp_path,
            env=environment(
                VERIGATOR_ENDPOINT=served.url,
                VERIGATOR_USERNAME=served.username,
                VERIGATOR_PASSWORD=served.password,
            ),
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )
        assert (done.returncode, done.stdout) == (0, ""), done.stderr
        assert done.stderr.startswith("bad stays behind: ")
        ids = {user.username: user.id for user in service.get_users()}
        with (tmp_path / "moved.csv").open(newline="") as moved:
            assert list(csv.reader(moved)) == [["there", there.id], ["new", ids["new"]]]


def of_java_in_python(
    block: Block, served: Served, number: str, service: Service, **_rest: Any
) -> None:
    said = io.StringIO()
    names = execute(
        fill(block.text, served, **{NUMBER: number, "service-id": service.id}),
        input=lambda _: served.pin(number),
        print=lambda *words: print(*words, file=said),
    )
    assert isinstance(names["user"], User)
    assert said.getvalue() == "Verification successful!\n"


def of_java_in_node(
    block: Block, served: Served, number: str, service: Service, **_rest: Any
) -> None:
    asking = """
        import { once } from 'node:events';
        import { createInterface } from 'node:readline';
        const askForPin = async () => {
          console.log('PIN?');
          const lines = createInterface(process.stdin);
          const [pin] = await once(lines, 'line');
          lines.close();
          return pin;
        };
    """
    text = fill(block.text, served, **{NUMBER: number, "service-id": service.id})
    with subprocess.Popen(
        ["node", "--input-type=module", "--eval", asking + text],
        # Where `verigator` is this package.
        cwd=ROOT / "tests" / "node",
        env=environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as program:
        assert program.stdout is not None
        assert program.stdout.readline() == "PIN?\n"
        said, _ = program.communicate(f"{served.pin(number)}\n", timeout=PATIENCE)
        assert (program.returncode, said) == (0, "Verification successful!\n")


SECRET = "a secret"


@contextmanager
def webhook(tmp_path: Path) -> Iterator[Request]:
    """A request that a server has sent to its webhook."""
    came = Queue[Request]()

    def take(request: Request) -> Answer:
        came.put(request)
        return answer(200)

    with scripted(take) as receiver:
        options = ("--deliver", f"webhook={receiver.url}/verigator", "--webhook-secret", SECRET)
        with serving("sqlite:verigator.db", tmp_path, *options) as served:
            with Api(served.username, served.password, served.url) as api:
                service = api.services.create("example.com", "Example")
                service.register_user("someone", NUMBER).authenticate_using_sms()
            yield came.get(timeout=PATIENCE)


def test_a_webhooks_request(tmp_path: Path) -> None:
    """It is like the one that is shown."""
    (block,) = [it for it in ALL if it.language == "http"]
    head, body = block.text.split("\n\n")
    first, *lines = head.split("\n")
    with webhook(tmp_path) as request:
        assert first == f"{request.method} {request.target} HTTP/1.1"
        shown = dict(line.split(": ", 1) for line in lines)
        assert shown["Content-Type"] == request.headers["content-type"]
        signed = r"t=\d{10},v1=[0-9a-f]+"
        assert re.match(signed, shown["Verigator-Signature"])
        assert re.fullmatch(signed, request.headers["verigator-signature"])
        shown_body, sent = json.loads(body), json.loads(request.body)
        assert shown_body.keys() == sent.keys()
        assert shown_body["to"] == sent["to"]
        assert shown_body["text"][6:] == sent["text"][6:]


def signed_long_ago(body: bytes) -> str:
    """The header of a request that somebody has kept."""
    digest = hmac.new(SECRET.encode(), b"1767225600." + body, hashlib.sha256).hexdigest()
    return f"t=1767225600,v1={digest}"


def of_a_webhook_in_python(block: Block, tmp_path: Path, **_rest: Any) -> None:
    is_genuine = execute(block.text)["is_genuine"]
    with webhook(tmp_path) as request:
        header = request.headers["verigator-signature"]
        assert is_genuine(SECRET, header, request.body) is True
        assert is_genuine("another", header, request.body) is False
        assert is_genuine(SECRET, header, request.body + b" ") is False
        assert is_genuine(SECRET, signed_long_ago(request.body), request.body) is False


def of_a_webhook_in_node(block: Block, tmp_path: Path, **_rest: Any) -> None:
    (tmp_path / "receiver.mjs").write_text(block.text, encoding="utf-8")
    asking = """
        import { isGenuine } from './receiver.mjs';
        const [secret, header, old, text] = process.argv.slice(2);
        const body = Buffer.from(text);
        console.log(
          isGenuine(secret, header, body),
          isGenuine('another', header, body),
          isGenuine(secret, header, Buffer.from(`${text} `)),
          isGenuine(secret, old, body),
        );
    """
    (tmp_path / "asking.mjs").write_text(asking, encoding="utf-8")
    with webhook(tmp_path) as request:
        headers = (request.headers["verigator-signature"], signed_long_ago(request.body))
        given = (SECRET, *headers, request.body.decode())
        said = subprocess.check_output(["node", "asking.mjs", *given], cwd=tmp_path, text=True)
        assert said == "true false false false\n"


def in_sandbox(block: Block, folder: Path, sandbox: Sandbox) -> str:
    """What a block prints as a program of its own, with a sandbox in its environment."""
    python = block.language == "python"
    # Where `verigator` is this package.
    place = folder if python else ROOT / "tests" / "node"
    file = place / f"{os.urandom(6).hex()}.{'py' if python else 'mjs'}"
    file.write_text(block.text, encoding="utf-8")
    try:
        return subprocess.check_output(
            [sys.executable if python else "node", str(file)],
            env=environment(
                VERIGATOR_ENDPOINT=sandbox.url,
                VERIGATOR_USERNAME=sandbox.username,
                VERIGATOR_PASSWORD=sandbox.password,
            ),
            text=True,
            timeout=PATIENCE,
        )
    finally:
        file.unlink()


def of_limits(block: Block, tmp_path: Path, **_rest: Any) -> None:
    with Sandbox() as sandbox:
        assert in_sandbox(block, tmp_path, sandbox) == "Example\n"


def of_forking(block: Block, tmp_path: Path, **_rest: Any) -> None:
    with Sandbox() as sandbox:
        assert in_sandbox(block, tmp_path, sandbox) == f"{['Example'] * 4}\n"


def of_a_signal(block: Block, tmp_path: Path, **_rest: Any) -> None:
    with Sandbox() as sandbox:
        sandbox.fail_next(delay=1)
        assert in_sandbox(block, tmp_path, sandbox) in {"unknown\n", "not_sent\n"}


def of_many_at_once(block: Block, served: Served, service: Service, **_rest: Any) -> None:
    users = [service.register_user(f"user {n}", f"+37255500{n:04}").id for n in range(70)]
    with pytest.MonkeyPatch.context() as variables:
        variables.setenv("VERIGATOR_ENDPOINT", served.url)
        variables.setenv("VERIGATOR_USERNAME", served.username)
        variables.setenv("VERIGATOR_PASSWORD", served.password)
        done = asyncio.run(execute(block.text)["send_to_all"](service.id, [*users, "nobody"]))
    assert done[:-1] == ["sms"] * 70
    assert isinstance(done[-1], NoSuchResourceError)


def through_a_proxy(block: Block, tmp_path: Path, **_rest: Any) -> None:
    """The server's name is known to the proxy only, and its authority to the bundle only."""
    authority = certificate(tmp_path, "server.pem", "server.key", HOST)
    options = ("--tls-cert", "server.pem", "--tls-key", "server.key")
    with serving("sqlite:verigator.db", tmp_path, *options) as served:
        port = int(served.url.rpartition(":")[2])
        with tunnel(port) as proxy, Sandbox() as sandbox:
            text = block.text
            for gap, filling in {
                "proxy.example.com:3128": f"127.0.0.1:{proxy.port}",
                "/etc/ssl/company.pem": str(authority),
                "password": served.password,
            }.items():
                assert gap in text
                text = text.replace(gap, filling)
            assert in_sandbox(replace(block, text=text), tmp_path, sandbox) == "Example\n"
            credentials = base64.b64encode(b"user:secret").decode()
            assert proxy.asked == [(f"{HOST}:443", f"Basic {credentials}")]


PROGRAMS: dict[tuple[str, str, str], Callable[..., None]] = {
    ("migrate-from-python.md", "What to change", "python"): of_old_python,
    ("migrate-from-python.md", "What is different", "python"): with_errors,
    ("migrate-from-python.md", "Move the users", "python"): moving,
    ("migrate-from-java.md", "Or change the language", "python"): of_java_in_python,
    ("migrate-from-java.md", "Or change the language", "js"): of_java_in_node,
    ("fork-and-async.md", "Fork", "python"): of_forking,
    ("fork-and-async.md", "asyncio", "python"): of_many_at_once,
    ("fork-and-async.md", "Node", "js"): of_a_signal,
    ("proxies-and-cas.md", "Python", "python"): through_a_proxy,
    ("proxies-and-cas.md", "Node", "js"): through_a_proxy,
    ("retries.md", "Set the limits", "python"): of_limits,
    ("retries.md", "Set the limits", "js"): of_limits,
    ("server.md", "Webhook", "python"): of_a_webhook_in_python,
    ("server.md", "Webhook", "js"): of_a_webhook_in_node,
}


@pytest.mark.parametrize("block", [it for it in ALL if it.place in PROGRAMS], ids=str)
def test_program(block: Block, served: Served, name: str, number: str, tmp_path: Path) -> None:
    with Api(served.username, served.password, served.url) as api:
        service = api.services.create(f"{name}.example.com", name)
        PROGRAMS[block.place](
            block,
            served=served,
            number=number,
            service=service,
            tmp_path=tmp_path,
        )
