#!/usr/bin/env bash
# Tests the sandbox with Stripe's and EasyPost's own Node SDKs: installs them next to this script (nothing
# is committed), starts `vantage sandbox` on a free port, runs the tests and stops it.
# Skips the tests without node and npm. SANDBOX_URL selects a running sandbox instead.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

if ! command -v node >/dev/null || ! command -v npm >/dev/null; then
    echo "skipped: the SDK tests need node and npm, which are not installed"
    exit 0
fi

npm install --no-package-lock --no-audit --no-fund --silent

sandbox_pid=""
output=""
finish() {
    [ -n "$sandbox_pid" ] && kill "$sandbox_pid" 2>/dev/null && wait "$sandbox_pid" 2>/dev/null
    [ -n "$output" ] && rm -f "$output"
    return 0
}
trap finish EXIT

if [ -z "${SANDBOX_URL:-}" ]; then
    cargo build --quiet --locked --bin vantage
    target="$(cargo metadata --no-deps --format-version 1 | node -p 'JSON.parse(require("fs").readFileSync(0)).target_directory')"
    output="$(mktemp)"
    "$target/debug/vantage" sandbox --listen 127.0.0.1:0 >"$output" &
    sandbox_pid=$!
    until SANDBOX_URL="$(grep -o 'http://[0-9.:]*' "$output")"; do
        kill -0 "$sandbox_pid" || { echo "error: the sandbox ended" >&2; exit 1; }
        sleep 0.05
    done
fi
export SANDBOX_URL
npm test --silent
