"""What is packaged: the unit, the image and two servers behind a proxy, as far as a machine has
what runs them; and every option and variable that a page or a package names is one."""

from __future__ import annotations

import re
import subprocess
from contextlib import ExitStack
from pathlib import Path

import yaml

from blocks import PAGES, ROOT
from installing import find
from proxies import caddy
from served import database, environment, new_account, serving, verigator
from verigator import Api

PACKAGING = ROOT / "packaging"
FILES = [ROOT / "Dockerfile", *(path for path in PACKAGING.glob("**/*") if path.is_file())]

#: Variables that the program reads and no option names, and one of the proxy's own.
OTHERS = {"VERIGATOR_CONFIG", "VERIGATOR_KEY", "VERIGATOR_LOG", "VERIGATOR_HOST"}
#: What the clients read.
CLIENTS = {
    "VERIGATOR_" + name
    for name in ("CA_BUNDLE", "ENDPOINT", "MAX_RETRIES", "PASSWORD", "TIMEOUT", "USERNAME")
}


def test_the_unit() -> None:
    verifier = find("systemd-analyze")
    assert verifier, "systemd-analyze is missing: it is in the package systemd"
    unit = str(PACKAGING / "systemd" / "verigator.service")
    done = subprocess.run([verifier, "verify", "--man=no", unit], capture_output=True, text=True)
    # Whether the program is installed is no matter of the unit.
    assert [it for it in done.stderr.splitlines() if "is not executable" not in it] == []
    command = [verifier, "security", "--offline=yes", "--no-pager", "--threshold=15", unit]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_the_units_configuration(tmp_path: Path) -> None:
    text = (PACKAGING / "systemd" / "verigator.toml").read_text(encoding="utf-8")
    text = text.replace("/var/lib/verigator", str(tmp_path)).replace(":8080", ":0")
    (tmp_path / "verigator.toml").write_text(text, encoding="utf-8")
    given = ("--config", str(tmp_path / "verigator.toml"))
    create, serve = verigator("account", "create", "shop", *given), verigator("serve", *given)
    subprocess.run(create, cwd=tmp_path, env=environment(), check=True)
    with subprocess.Popen(
        serve, cwd=tmp_path, env=environment(), stdout=subprocess.PIPE, text=True
    ) as program:
        assert program.stdout is not None
        assert program.stdout.readline().startswith("Verigator on ")
        program.terminate()
    assert program.returncode == 0


def test_options_and_variables_are_some() -> None:
    helped = subprocess.run(verigator("serve", "--help"), stdout=subprocess.PIPE, text=True).stdout
    variables = set(re.findall(r"env: (\w+)", helped)) | OTHERS | CLIENTS
    for path in [*PAGES, *FILES]:
        text = path.read_text(encoding="utf-8")
        assert set(re.findall(r"\bVERIGATOR_[A-Z_]+", text)) <= variables, path
    options = set(re.findall(r"--[a-z-]+", helped)) | {"--config"}
    page = (ROOT / "docs" / "server.md").read_text(encoding="utf-8")
    shown = re.findall(r"`(--[a-z-]+)[^`]*`|verigator serve (.*)", page)
    for alone, line in shown:
        named = {alone} if alone else set(re.findall(r"--[a-z-]+", line))
        assert named <= options, named


def test_the_image() -> None:
    """What it is built from is there, and left in by .dockerignore."""
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    left = [ROOT / line[1:] for line in lines if line.startswith("!")]
    assert all(path.exists() for path in left)
    members = re.search(r"^members = \[([^\]]*)\]", (ROOT / "Cargo.toml").read_text(), re.MULTILINE)
    assert members
    for member in re.findall(r'"([^"]+)"', members[1]):
        manifest = ROOT / member / "Cargo.toml"
        assert any(path == manifest or path in manifest.parents for path in left), member
    image = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    (version,) = re.findall(r"^FROM rust:([\d.]+)-", image, re.MULTILINE)
    assert f'rust-version = "{version}"' in (ROOT / "Cargo.toml").read_text()


def test_two_servers_behind_one_proxy(tmp_path: Path) -> None:
    """One starts what the other checks, and when one is gone nobody notices."""
    services = yaml.safe_load((PACKAGING / "docker" / "compose.yaml").read_text())["services"]
    assert services["one"] == services["two"]
    assert services["one"]["environment"]["VERIGATOR_STORE"].startswith("postgres://")
    text = (PACKAGING / "docker" / "Caddyfile").read_text(encoding="utf-8")
    number = "+37255555555"
    with ExitStack() as stack:
        url = stack.enter_context(database())
        password = new_account(url, tmp_path)
        one = ExitStack()
        first = one.enter_context(serving(url, tmp_path, password=password))
        second = stack.enter_context(serving(url, tmp_path, password=password))
        stack.push(one)
        for name, served in (("one", first), ("two", second)):
            text = text.replace(f"{name}:8080", served.url.removeprefix("http://"))
        front = stack.enter_context(caddy(text, tmp_path, "{$VERIGATOR_HOST}"))
        api = stack.enter_context(front.api(first))
        service = api.services.create("example.com", "Example")
        user = api.users.create(service.id, number, "someone")
        for asked, checked in ((first, second), (second, first)):
            there = stack.enter_context(Api(asked.username, password, asked.url))
            other = stack.enter_context(Api(checked.username, password, checked.url))
            name = f"by {asked.url}"
            login = (service.id, there.users.create(service.id, number + "1", name).id)
            there.auth.initiate(*login, "sms")
            assert other.auth.verify(*login, "no") is False
        one.close()
        for _ in range(20):
            assert api.users.get(service.id, user.id) == user
        assert api.auth.initiate(service.id, user.id, "sms") == "sms"
        assert api.auth.verify(service.id, user.id, second.pin(number)) is True
