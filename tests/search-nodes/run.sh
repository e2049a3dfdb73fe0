#!/usr/bin/env bash
# Tests searches over a real node: starts it, runs the tests that need one, and stops it.
#
#   run.sh [NODE] [CARGO TEST ARGUMENTS]   NODE as in node.sh, opensearch-2.19 by default
#   run.sh install [NODE]                  only downloads it
#
# With arguments, only `cargo test` with these is run, beside the node.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/../.."
nodes=tests/search-nodes
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/vantage/target}"

if [ "${1:-}" = install ]; then
    exec "$nodes/node.sh" install "${2:-opensearch-2.19}"
fi
node="${1:-opensearch-2.19}"
[ $# -eq 0 ] || shift

scratch="$(mktemp -d "${TMPDIR:-/tmp}/vantage-search.XXXXXX")"
chmod 755 "$scratch"
finish() {
    local status=$?
    trap - EXIT
    "$nodes/node.sh" stop "$scratch/node"
    rm -rf "$scratch"
    exit "$status"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# A currently free port, and the next one.
free_port() {
    local port
    while :; do
        port=$((20000 + RANDOM % 12000))
        (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null && continue
        (exec 3<>"/dev/tcp/127.0.0.1/$((port + 1))") 2>/dev/null && continue
        break
    done
    echo "$port"
}

port="$(free_port)"
"$nodes/node.sh" start "$node" "$scratch/node" "$port"
export VANTAGE_TEST_SEARCH_URL="http://127.0.0.1:$port" VANTAGE_TEST_SEARCH_ENGINE="${node%-*}"
if [ $# -gt 0 ]; then
    cargo test "$@"
    exit
fi
cargo test --locked -p search --test contract --test remote -- --include-ignored --skip killed_node
cargo test --locked -p vantage --test journeys search_engine -- --include-ignored
# Ends the node, and starts it again.
export VANTAGE_TEST_SEARCH_NODE="$node" VANTAGE_TEST_SEARCH_DIRECTORY="$scratch/node"
cargo test --locked -p search --test remote killed_node -- --ignored
