"""Runs the shell commands of a page as somebody would who reads it from top to bottom: in one shell
and one folder, with the built program on the path.

What a terminal would be kept busy by, `verigator serve` or `sandbox`, goes on behind the next
commands, and `systemctl` stops and starts it. Where a page says 127.0.0.1:8080, it is a free port.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

from blocks import Block
from postgres import free_port
from served import PATIENCE, PROGRAM, environment

PRELUDE = r"""
set -euo pipefail

# What serves, behind the commands.
server=

serving() {
  : > server.out
  command verigator "${served[@]}" > server.out 2>> server.log &
  server=$!
  until grep -q '^Verigator \(sandbox \)\?on ' server.out; do
    kill -0 "$server" || { cat server.log >&2; exit 1; }
    sleep 0.05
  done
}

stopped() {
  [ -z "$server" ] || { kill "$server" && wait "$server"; server=; }
}

trap stopped EXIT

verigator() {
  case "$1" in
    serve | sandbox) stopped; served=("$@"); serving ;;
    *) command verigator "$@" ;;
  esac
}

systemctl() {
  case "$*" in
    'start verigator') serving ;;
    'stop verigator') stopped ;;
    'restart verigator') stopped; serving ;;
    *) echo "systemctl $*?" >&2; exit 1 ;;
  esac
}

# It is built already.
cargo() { [ "$*" = 'install --path server' ]; }
"""


def run(blocks: Sequence[Block], folder: Path, before: str = "") -> str:
    """What the commands printed; they must all succeed. Others may come `before`."""
    script = PRELUDE + before
    for block in blocks:
        script += f"echo '# {block}' >&2\n{block.text}"
    ports = {port: free_port() for port in (8080, 8443)}
    for port, free in ports.items():
        script = script.replace(f"127.0.0.1:{port}", f"127.0.0.1:{free}")
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=folder,
        env=environment(
            PATH=f"{PROGRAM.parent}:{os.environ['PATH']}",
            # In place of the default.
            VERIGATOR_LISTEN=f"127.0.0.1:{ports[8080]}",
        ),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=10 * PATIENCE,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
