#!/usr/bin/env bash
# Tests the event bus over a real Kafka broker: starts it, runs the tests that need one, and stops it.
#
#   run.sh [CARGO TEST ARGUMENTS]
#   run.sh install                  only downloads it
#
# With arguments, only `cargo test` with these is run, beside the broker.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/../.."
broker=tests/kafka/broker.sh
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/vantage/target}"

if [ "${1:-}" = install ]; then
    exec "$broker" install
fi

scratch="$(mktemp -d "${TMPDIR:-/tmp}/vantage-kafka.XXXXXX")"
finish() {
    local status=$?
    trap - EXIT
    "$broker" stop "$scratch/broker"
    rm -rf "$scratch"
    exit "$status"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# A currently free port, and the next two, below the range of outgoing connections.
free_ports() {
    local port next
    while :; do
        port=$((20000 + RANDOM % 12000))
        for next in 0 1 2; do
            (exec 3<>"/dev/tcp/127.0.0.1/$((port + next))") 2>/dev/null && continue 2
        done
        break
    done
    echo "$port"
}

port="$(free_ports)"
"$broker" start "$scratch/broker" "$port"
export VANTAGE_TEST_KAFKA_BROKER="127.0.0.1:$port" VANTAGE_TEST_KAFKA_DIRECTORY="$scratch/broker"
export VANTAGE_TEST_KAFKA_CA="$scratch/broker/ca.pem"
if [ $# -gt 0 ]; then
    cargo test "$@"
    exit
fi
cargo test --locked -p platform --test bus kafka::
cargo test --locked -p vantage --test journeys kafka:: -- --include-ignored
