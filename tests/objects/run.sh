#!/usr/bin/env bash
# Runs the tests of the bucket of objects against versitygw, an implementation of S3 that checks signatures, and against
# moto, which checks none and has every setting of a bucket. Requires Go, which builds the former, and Python; both are
# fetched on the first run into the cache directory. The build takes minutes.
#
#   tests/objects/run.sh            fetch what is missing and run
#   tests/objects/run.sh install    only fetch
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
source tests/objects/versitygw.sh

moto=5.2.5
environment="${XDG_CACHE_HOME:-$HOME/.cache}/vantage/moto-$moto"
install_versitygw
if [ ! -e "$environment/complete" ]; then
    # Its scripts have its path in them, so it cannot be moved.
    python3 -m venv --clear "$environment"
    "$environment/bin/pip" install --quiet --disable-pip-version-check "moto[server,s3]==$moto"
    touch "$environment/complete"
fi
if [ "${1:-}" = install ]; then
    exit
fi

scratch="$(mktemp -d "${TMPDIR:-/tmp}/vantage-objects.XXXXXX")"
moto_pid=""
finish() {
    local status=$?
    trap - EXIT
    if [ -n "$moto_pid" ]; then
        kill "$moto_pid" 2>/dev/null || true
        # Its status is that of the signal.
        wait "$moto_pid" 2>/dev/null || true
    fi
    rm -rf "$scratch"
    exit "$status"
}
trap finish EXIT

# Asks for an address, then takes it: below the range of outgoing connections, nobody else does meanwhile.
port=""
for candidate in $(seq 24300 24400 | shuf); do
    if ! (exec 3<> "/dev/tcp/127.0.0.1/$candidate") 2>/dev/null; then
        port="$candidate"
        break
    fi
done
"$environment/bin/moto_server" -H 127.0.0.1 -p "$port" >"$scratch/moto.log" 2>&1 </dev/null &
moto_pid=$!
until (exec 3<> "/dev/tcp/127.0.0.1/$port") 2>/dev/null; do
    if ! kill -0 "$moto_pid" 2>/dev/null; then
        cat "$scratch/moto.log" >&2
        exit 1
    fi
    sleep 0.2
done

VANTAGE_TEST_S3_SERVER="$versitygw" \
    cargo test --locked -p platform --test objects -- --ignored --nocapture
VANTAGE_TEST_S3_URL="http://127.0.0.1:$port" \
    cargo test --locked -p vantage --test journeys -- --include-ignored --nocapture objects::
