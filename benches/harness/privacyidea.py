"""privacyIDEA as its documents install it, with users who have a token for SMS: an application
triggers a challenge with its API key, the PIN goes to an HTTP gateway, and a check with the number
of the transaction verifies it.
"""

from __future__ import annotations

import functools
import json
import secrets
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from harness.builds import run
from harness.contender import Contender, plain_environment
from harness.error import BenchError
from harness.load import generator
from harness.paths import BENCHES, WORK
from harness.servers import folder, stop

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

#: As many as the machine has cores, which is what gunicorn's documents ask for at least.
WORKERS = 2

#: Workers that are so few answer no sooner when more wait for them.
MOST_AT_ONCE = 4 * WORKERS

#: How long it may take to start.
PATIENCE = 120.0

CONFIGURATION = """
SUPERUSER_REALM = []
SQLALCHEMY_DATABASE_URI = "sqlite:///{at}/privacyidea.db"
SECRET_KEY = "{secret}"
PI_PEPPER = "{pepper}"
PI_ENCFILE = "{at}/enckey"
PI_AUDIT_KEY_PRIVATE = "{at}/private.pem"
PI_AUDIT_KEY_PUBLIC = "{at}/public.pem"
PI_LOGFILE = "{at}/privacyidea.log"
PI_LOGLEVEL = 30
"""


@functools.cache
def installed() -> Path:
    """The folder of its programs."""
    venv = WORK / "privacyidea"
    if not (venv / "bin" / "python").exists():
        run([sys.executable, "-m", "venv", venv])
    pip = [venv / "bin" / "python", "-m", "pip", "install", "--quiet"]
    run([*pip, "--requirement", BENCHES / "requirements-privacyidea.txt"])
    return venv / "bin"


@dataclass(frozen=True)
class PrivacyIdea:
    """One that listens."""

    port: int
    #: The application's API key.
    token: str
    #: Who has a token: lines `service user number`.
    users: Path
    #: Where it sends messages.
    gateway: int
    pid: int

    def load(self, name: str) -> Contender:
        """The generator before it."""
        return generator(
            name,
            address=f"127.0.0.1:{self.port}",
            dialect={"privacy_idea": {"token": self.token}},
            pins={"gateway": f"127.0.0.1:{self.gateway}"},
            users={"file": str(self.users)},
            processes=[self.pid],
            most_at_once=MOST_AT_ONCE,
        )


@contextmanager
def serving(users: int) -> Iterator[PrivacyIdea]:
    """It in gunicorn, with a database in SQLite and so many users."""
    programs = installed()
    with folder("privacyidea-server") as at, ExitStack() as stack:
        configuration = at / "pi.cfg"
        configuration.write_text(
            CONFIGURATION.format(at=at, secret=secrets.token_hex(32), pepper=secrets.token_hex(32))
        )
        environment = {**plain_environment(), "PRIVACYIDEA_CONFIGFILE": str(configuration)}

        def manage(*words: str) -> str:
            done = subprocess.run(
                [programs / "pi-manage", *words],
                env=environment,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                check=False,
            )
            if done.returncode:
                raise BenchError(f"pi-manage {' '.join(words)} failed: {done.stdout}")
            return done.stdout

        manage("setup", "create_enckey")
        manage("setup", "create_audit_keys")
        manage("setup", "create_tables")
        words = manage("api", "createtoken", "--role", "admin", "--username", "bench").split()
        (token,) = {word for word in words if word.startswith("eyJ")}
        port, gateway = free_port(), free_port()
        application = (
            f'privacyidea.app:create_app(config_name="production", config_file="{configuration}")'
        )
        bound = f"--bind=127.0.0.1:{port}"
        process = subprocess.Popen(
            [str(programs / "gunicorn"), f"--workers={WORKERS}", bound, application],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        stack.callback(stop, process)
        api = Api(f"http://127.0.0.1:{port}", token)
        api.wait(process)
        enrol(api, at, users, gateway)
        yield PrivacyIdea(port, token, at / "users", gateway, process.pid)


@dataclass(frozen=True)
class Api:
    """Its administration."""

    url: str
    token: str

    def post(self, path: str, **body: object) -> None:
        """Has it do something.

        Raises:
            BenchError: it refused.
        """
        request = urllib.request.Request(
            self.url + path,
            data=json.dumps(body).encode(),
            headers={"Content-Type": "application/json", "Authorization": self.token},
        )
        try:
            with urllib.request.urlopen(request) as answer:
                said: dict[str, Any] = json.load(answer)
        except urllib.error.HTTPError as error:
            raise BenchError(f"privacyIDEA answered {error.code} at {path}") from error
        if not said["result"]["status"]:
            raise BenchError(f"privacyIDEA refused {path}")

    def wait(self, process: subprocess.Popen[bytes]) -> None:
        """Until it answers at all."""
        end = time.monotonic() + PATIENCE
        while True:
            try:
                with urllib.request.urlopen(self.url + "/healthz/livez"):
                    return
            except urllib.error.HTTPError:
                return
            except OSError as error:
                if process.poll() is not None or time.monotonic() > end:
                    raise BenchError("privacyIDEA did not start") from error
            time.sleep(0.1)


def enrol(api: Api, at: Path, users: int, gateway: int) -> None:
    """Gives it users, each with a token, and a gateway for their messages."""
    numbers = {f"user{number}": f"+3725{number:07}" for number in range(users)}
    (at / "passwd").write_text(
        "".join(f"{name}:x:{1000 + n}:{1000 + n}::/:\n" for n, name in enumerate(numbers))
    )
    (at / "users").write_text("".join(f"- {name} {phone}\n" for name, phone in numbers.items()))
    api.post("/resolver/users", type="passwdresolver", fileName=str(at / "passwd"))
    api.post("/realm/bench", resolvers="users")
    api.post("/defaultrealm/bench")
    api.post(
        "/smsgateway",
        name="gateway",
        module="privacyidea.lib.smsprovider.HttpSMSProvider.HttpSMSProvider",
        **{
            "option.URL": f"http://127.0.0.1:{gateway}/",
            "option.HTTP_METHOD": "GET",
            "option.phone": "{phone}",
            "option.otp": "{otp}",
        },
    )
    api.post("/system/setConfig", **{"sms.identifier": "gateway"})
    for name, phone in numbers.items():
        api.post("/token/init", type="sms", user=name, phone=phone, genkey=1)


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port
