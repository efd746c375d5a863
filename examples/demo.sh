#!/usr/bin/env bash
# Starts a server in memory, logs in from Python, Node and Rust in turn, and says whether all went
# well. `make demo` builds what this needs.
set -euo pipefail
cd "$(dirname "$0")/.."

# Before the server is waited for: on a fresh machine this takes minutes.
cargo build --quiet --package verigator-server --bin verigator
said=$(mktemp)
cargo run --quiet --package verigator-server --bin verigator -- \
  sandbox --quiet --listen 127.0.0.1:0 >"$said" &
server=$!
trap 'kill "$server" 2>/dev/null || true; rm -f "$said"' EXIT

for _ in $(seq 600); do
  url=$(sed -n 's/^Verigator sandbox on //p' "$said")
  [ -n "$url" ] && break
  kill -0 "$server" 2>/dev/null || { echo "The server did not start." >&2; exit 1; }
  sleep 0.1
done
[ -n "$url" ] || { echo "The server did not say where it listens." >&2; exit 1; }
export VERIGATOR_ENDPOINT=$url VERIGATOR_USERNAME=test VERIGATOR_PASSWORD=test

log_in_from() {
  echo
  echo "$1"
  shift
  "$@" || { echo "The demo failed." >&2; exit 1; }
}

echo "The server is at $url."
log_in_from Python "${PYTHON:-.venv/bin/python}" examples/python/login.py
log_in_from Node node examples/node/login.mjs
log_in_from Rust cargo run --quiet --package verigator-example
echo
echo "The demo is complete: three languages, each with an SMS and an authenticator."
