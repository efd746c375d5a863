"""A PostgreSQL of its own for whoever runs this: `python tests/postgres.py`.

Prints its URL as one line, and lives until standard input is closed, so it can't outlive a test
that was killed. The lines `stop` and `start` on standard input do that to the database, at once and
hard, and are answered by `stopped` and `started`. Data is in a folder of its own and goes away
with it; the port is free and on the loopback only. With `--durable` every commit waits for the
disk, as it does where it is installed.

The programs are those of the system's packages, which are installed when they are missing.
"""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import installing

USER = "verigator"

#: Where packages keep them, newest first; only some put them on the path.
FOLDERS = (
    "/usr/lib/postgresql/*/bin",
    "/usr/pgsql-*/bin",
    "/opt/homebrew/opt/postgresql*/bin",
    "/usr/local/opt/postgresql*/bin",
)

#: The package that holds the server.
PACKAGES = {
    "apt-get": "postgresql",
    "dnf": "postgresql-server",
    "apk": "postgresql",
    "brew": "postgresql@17",
}

#: How long anything may take that is quick when it works.
PATIENCE = 60.0


def main() -> int:
    programs = find()
    if not programs:
        installing.install(PACKAGES)
        programs = find()
    if not programs:
        raise SystemExit("PostgreSQL was installed, and is not where it was looked for")
    with tempfile.TemporaryDirectory(
        prefix="verigator-postgres-", ignore_cleanup_errors=True
    ) as at:
        database = Database(programs, Path(at), durable="--durable" in sys.argv[1:])
        database.start()
        try:
            answer(database.url)
            for line in sys.stdin:
                match line.strip():
                    case "stop":
                        database.stop()
                        answer("stopped")
                    case "start":
                        database.start()
                        answer("started")
                    case other:
                        raise ValueError(f"neither stop nor start: {other}")
        finally:
            database.stop()
    return 0


def answer(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def find() -> Path | None:
    """The folder of the server's programs."""
    for pattern in FOLDERS:
        found = sorted(Path("/").glob(pattern.lstrip("/")), key=version, reverse=True)
        for folder in found:
            if (folder / "initdb").exists():
                return folder
    on_path = shutil.which("initdb")
    return Path(on_path).resolve().parent if on_path else None


def version(folder: Path) -> int:
    return int("".join(filter(str.isdigit, str(folder))) or 0)


class Database:
    def __init__(self, programs: Path, folder: Path, *, durable: bool) -> None:
        self.programs = programs
        self.durable = durable
        self.folder = folder
        self.data = folder / "data"
        self.port = free_port()
        self.server: subprocess.Popen[bytes] | None = None
        self.user: int | None = None
        self.group: int | None = None
        if os.geteuid() == 0:
            # As which PostgreSQL refuses to run; the packages make this user.
            owner = pwd.getpwnam("postgres")
            self.user, self.group = owner.pw_uid, owner.pw_gid
            os.chown(folder, self.user, self.group)
        self.run(
            "initdb",
            *("--pgdata", str(self.data), "--username", USER, "--auth", "trust"),
            *("--encoding", "UTF8", "--locale", "C", "--no-sync"),
        )

    @property
    def url(self) -> str:
        return f"postgres://{USER}@127.0.0.1:{self.port}/postgres"

    def start(self) -> None:
        if self.server:
            return
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": str(self.folder),
            "max_connections": "200",
            # What was written outlives the processes all the same, and power doesn't fail here.
            "fsync": "on" if self.durable else "off",
        }
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        log = (self.folder / "log").open("ab")
        self.server = subprocess.Popen(
            [str(self.programs / "postgres"), "-D", str(self.data), *options],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=self.folder,
            start_new_session=True,
            user=self.user,
            group=self.group,
        )
        log.close()
        end = time.monotonic() + PATIENCE
        while self.run("pg_isready", "--host=127.0.0.1", f"--port={self.port}", check=False):
            if self.server.poll() is not None or time.monotonic() > end:
                raise SystemExit((self.folder / "log").read_text(errors="replace"))
            time.sleep(0.05)

    def stop(self) -> None:
        """As when the power fails: connections are cut, nothing is finished."""
        if not self.server:
            return
        self.server.send_signal(signal.SIGQUIT)
        self.server.wait(PATIENCE)
        self.server = None

    def run(self, program: str, *arguments: str, check: bool = True) -> int:
        command: Sequence[str] = [str(self.programs / program), *arguments]
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            cwd=self.folder,
            check=False,
            user=self.user,
            group=self.group,
        )
        if check and done.returncode:
            raise SystemExit(f"{program}: {done.stderr}")
        code: int = done.returncode
        return code


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    raise SystemExit(main())
