#!/usr/bin/env bash
# Rolls this version out over an earlier one, on one database: an instance of the earlier version goes on while this version
# migrates, both serve a customer's journey at once, and the earlier one starts again on the new schema.
#
#   tests/previous/run.sh GIT_REF          builds that commit beside this one
#   tests/previous/run.sh --binary FILE    an earlier release's binary
#
# This version is $VANTAGE, or the last build. Needs PostgreSQL, Redis, Node.js 20 or newer, curl and git. Building a commit for the
# first time takes as long as a build does; the rest takes a minute or two.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
source tests/servers.sh
source tests/fleet/processes.sh

cache="${XDG_CACHE_HOME:-$HOME/.cache}/vantage/previous"
scratch="" source_of="" vantage="" previous="" old=""
# Both run everything in one process.
declare -A port_of=()
settings=() previous_settings=()
port="" previous_port=""
operations=playground/shared compose=deploy/compose.yaml
can_start_again=1

main() {
    trap finish EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM
    require node curl git
    require_databases
    choose_owner
    find_vantage
    scratch="$(mktemp -d "${TMPDIR:-/tmp}/vantage-previous.XXXXXX")"
    chmod 755 "$scratch"
    case "${1:-}" in
        --binary)
            old="$(realpath "${2:?--binary needs a file}")"
            previous="$("$old" --version)"
            ;;
        "" | -*) fail "usage: tests/previous/run.sh GIT_REF | --binary FILE" ;;
        *) build "$1" ;;
    esac
    start_servers

    run_check "$previous serves a customer" serve_previous
    run_check "it does while this version migrates" migrate
    run_check "both serve a customer at once" serve_both
    if [ -n "$can_start_again" ]; then
        run_check "$previous starts again on the new schema" start_again
    else
        results+=("skipped|$previous starts again on the new schema: it refuses newer ones|")
    fi
    run_check "what both have written fits together" look
}

finish() {
    local status=$?
    trap - EXIT
    set +e
    if [ "$status" -ne 0 ] && [ -n "$scratch" ]; then
        tail -n 5 "$scratch"/*.log >&2
    fi
    stop_all
    stop_servers
    [ -n "$source_of" ] && git worktree remove --force "$source_of"
    [ -n "$scratch" ] && rm -rf "$scratch"
    print_results
    exit "$status"
}

fail() {
    echo "error: $*" >&2
    exit 1
}

build() {
    local commit
    commit="$(git rev-parse --verify "$1^{commit}")"
    previous="$(git log -1 --format='%h of %cs' "$commit")"
    mkdir -p "$cache"
    source_of="$cache/source-$$"
    git worktree add --quiet --detach "$source_of" "$commit"
    printf 'building %s\n' "$previous"
    (cd "$source_of" && CARGO_TARGET_DIR="$cache/target" cargo build --locked --bin vantage)
    # The next build replaces it.
    cp "$cache/target/debug/vantage" "$scratch/previous"
    old="$scratch/previous"
    # Its own clients and settings.
    operations="$source_of/playground/shared"
    compose="$source_of/deploy/compose.yaml"
    [ -e "$source_of/migrations/src/compatibility.rs" ] || can_start_again=""
}

start_servers() {
    local values database_url redis_url secret sandbox
    start_postgres
    start_redis
    database_url="$VANTAGE_TEST_POSTGRES_URL" redis_url="$VANTAGE_TEST_REDIS_URL"
    secret="$(od -An -N32 -tx1 /dev/urandom | tr -d ' \n')"
    take_ports sandbox
    start sandbox env -i "PATH=$PATH" VANTAGE_MODE=development "VANTAGE_DATA=$scratch/sandbox" \
        "$vantage" sandbox --listen "127.0.0.1:$sandbox"
    until_answers "http://127.0.0.1:$sandbox/mail" sandbox
    values="$(compose_settings "$compose")"
    mapfile -t previous_settings <<<"$values"
    values="$(compose_settings deploy/compose.yaml)"
    mapfile -t settings <<<"$values"
    previous_settings+=("PATH=$PATH" "VANTAGE_DATA=$scratch/previous-data" VANTAGE_DEMO__ORDERS=200)
    settings+=("PATH=$PATH" "VANTAGE_DATA=$scratch/data")
    take_ports previous_port
    take_ports port
}

run_previous() {
    (cd "$scratch" && exec env -i "${previous_settings[@]}" "$old" "$@")
}

run_this() {
    (cd "$scratch" && exec env -i "${settings[@]}" "$vantage" "$@")
}

start_previous() {
    start previous env -i "${previous_settings[@]}" "$old" serve --listen "127.0.0.1:$previous_port"
    until_answers "http://127.0.0.1:$previous_port/readyz" previous
}

journey() {
    node tests/fleet/storefront.mjs journey --operations "$operations" --token "$(run_this token --demo)" "$@"
}

serve_previous() {
    run_previous seed
    start_previous
    # The token is signed with the secret that both have.
    node tests/fleet/storefront.mjs journey --operations "$operations" --token "$(run_previous token --demo)" \
        "http://127.0.0.1:$previous_port"
}

migrate() {
    run_this migrate
    journey "http://127.0.0.1:$previous_port"
}

serve_both() {
    start this env -i "${settings[@]}" "$vantage" serve --listen "127.0.0.1:$port"
    until_answers "http://127.0.0.1:$port/readyz" this
    journey "http://127.0.0.1:$previous_port" "http://127.0.0.1:$port"
    journey "http://127.0.0.1:$port" "http://127.0.0.1:$previous_port"
}

start_again() {
    stop previous
    start_previous
    journey "http://127.0.0.1:$previous_port" "http://127.0.0.1:$port"
}

look() {
    run_this check
}

main "$@"
