#!/usr/bin/env bash
# Runs the tests. Installs PostgreSQL and Redis from Debian packages if they are missing and it is allowed to
# (as root), starts private instances of both on free ports in a temporary directory, checks format, lints
# and licences, runs every test, and cleans up after itself.
#
#   ./test.sh               everything
#   ./test.sh -p orders     only `cargo test` with these arguments, with both databases running
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")"

# Outside the clone, so that fresh clones reuse the build.
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/vantage/target}"

# Developers' own settings must not affect the tests. tests/previous/record.sh names a directory for statements.
for variable in "${!VANTAGE_@}"; do
    [ "$variable" = VANTAGE_TEST_STATEMENTS ] || unset "$variable"
done

# Snapshot mismatches fail instead of writing files for review.
export INSTA_UPDATE=no

step=""
ran=()
skipped=()
failed=""
scratch=""
owner=""
as_owner=()
postgres_bin=""
postgres_running=""
redis_server=""
redis_pid=""

main() {
    trap finish EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM

    begin "tools"
    require_rust
    require_databases
    choose_owner
    scratch="$(mktemp -d "${TMPDIR:-/tmp}/vantage-test.XXXXXX")"
    chmod 755 "$scratch"
    # Load tests open many sockets.
    ulimit -n "$(ulimit -Hn)" 2>/dev/null || true

    begin "private PostgreSQL"
    start_postgres
    begin "private Redis"
    start_redis

    if [ $# -gt 0 ]; then
        run "cargo test $*" cargo test "$@"
        return
    fi
    run "format" cargo fmt --all --check
    run "lints" lints
    if ! cargo deny --version >/dev/null 2>&1; then
        skipped+=("licences by cargo-deny: not installed")
    else
        run "cargo deny" cargo deny --offline check licenses bans sources
        if compgen -G "${CARGO_HOME:-$HOME/.cargo}/advisory-db*/*" >/dev/null; then
            run "advisories" cargo deny --offline check advisories
        fi
    fi
    run "tests" all_tests
    run "deployment files" deploy/check.sh
    with_search_node
    with_node "bundler" "the bundles of the pages" playground/build.sh --check
    with_node "packages of real clients" "real clients" router/clients/run.sh
    with_node "graphql-js" "the language as graphql-js reads it" router/language/run.sh
    with_node "graphql-schema-linter" "the descriptions of the schema" tests/schema/run.sh
    with_node "a REST client" "a client that is generated from the OpenAPI document" tests/rest/run.sh
    with_node "clients of the Model Context Protocol" "the Model Context Protocol's conformance suite and clients" tests/mcp/run.sh
    with_node "Apollo Gateway" "the subgraphs behind Apollo Gateway" tests/federation/run.sh
    with_node "AsyncAPI's validator" "the schemas of the events" tests/events/run.sh
    with_java "ElasticMQ" "deals through a queue server" tests/sqs/run.sh
    with_java "Kafka" "events through a Kafka broker" tests/kafka/run.sh
    with_node "packages and browser of the pages" "the pages in a browser" playground/tests/run.sh
}

# Runs every test, and names those that failed once more at the end, where they are found.
all_tests() {
    local log="$scratch/tests.log" status=0
    cargo test --locked --workspace --no-fail-fast 2>&1 | tee "$log" || status=$?
    [ "$status" -eq 0 ] || failed="$(grep -aE '^test .+ \.\.\. FAILED|^error(\[|:)' "$log" | sort -u | head -n 40 || true)"
    return "$status"
}

# Runs checks that need Node.js, if available: common clients, the reference parser, another router, and the pages in
# a browser. Remaining arguments go to the script.
with_node() {
    local packages="$1" name="$2" script="$3"
    shift 3
    begin "$packages"
    if ! command -v node >/dev/null || ! command -v npm >/dev/null; then
        skipped+=("$name: Node.js is not installed")
    elif [ "$(node -p 'parseInt(process.versions.node)')" -lt 20 ]; then
        skipped+=("$name: Node.js is older than 20")
    elif ! timeout 180 "$script" install >"$scratch/npm.log" 2>&1; then
        skipped+=("$name: its packages could not be installed")
    else
        run "$name" "$script" "$@"
    fi
}

# Tests searches over a real OpenSearch node, if Java and Maven are available.
with_search_node() {
    local name="searches over OpenSearch" tool
    begin "OpenSearch"
    for tool in java mvn curl unzip; do
        if ! command -v "$tool" >/dev/null; then
            skipped+=("$name: $tool is not installed")
            return
        fi
    done
    if ! timeout 300 tests/search-nodes/run.sh install >"$scratch/maven.log" 2>&1; then
        skipped+=("$name: the node could not be downloaded ($(tail -n 1 "$scratch/maven.log"))")
        return
    fi
    run "$name" tests/search-nodes/run.sh
}

# Runs checks against a server in Java, if Java and Maven are available.
with_java() {
    local server="$1" name="$2" script="$3"
    begin "$server"
    if ! command -v java >/dev/null || ! command -v mvn >/dev/null; then
        skipped+=("$name: Java and Maven are not installed")
    elif ! timeout 600 "$script" install >"$scratch/maven.log" 2>&1; then
        skipped+=("$name: $server could not be fetched")
    else
        run "$name" "$script"
    fi
}

# Sets the step reported on failure.
begin() {
    step="$1"
}

run() {
    begin "$1"
    shift
    printf '\n== %s\n' "$step"
    local started=$SECONDS
    "$@"
    ran+=("$step ($((SECONDS - started)) s)")
}

finish() {
    local status=$?
    trap - EXIT
    set +e
    [ -n "$redis_pid" ] && kill "$redis_pid" 2>/dev/null && wait "$redis_pid" 2>/dev/null
    [ -n "$postgres_running" ] && "${as_owner[@]}" "$postgres_bin/pg_ctl" -D "$scratch/postgres" -m immediate stop >/dev/null
    [ -n "$scratch" ] && rm -rf "$scratch"
    echo
    if [ ${#ran[@]} -gt 0 ]; then
        printf 'passed: %s\n' "${ran[@]}"
    fi
    if [ ${#skipped[@]} -gt 0 ]; then
        printf 'skipped: %s\n' "${skipped[@]}"
    fi
    if [ "$status" -eq 0 ]; then
        echo "ok: everything passed"
    else
        [ -z "$failed" ] || printf '%s\n' "$failed" >&2
        echo "FAILED: $step" >&2
    fi
    exit "$status"
}

fail() {
    echo "error: $*" >&2
    exit 1
}

is_root() {
    [ "$(id -u)" -eq 0 ]
}

# --- tools ---------------------------------------------------------------------------------------------

require_rust() {
    command -v cargo >/dev/null || fail "cargo is missing: install Rust from https://rustup.rs"
    command -v cc >/dev/null || command -v clang >/dev/null || fail "a C compiler is missing: install gcc"
    # The toolchain of rust-toolchain.toml, with rustfmt and clippy.
    if command -v rustup >/dev/null && ! rustup toolchain install; then
        fail "rustup could not install the toolchain named in rust-toolchain.toml"
    fi
    local component
    for component in rustfmt clippy; do
        "cargo-${component/rustfmt/fmt}" --version >/dev/null 2>&1 || fail "$component is missing from this Rust toolchain: install it"
    done
}

# Lints are errors in CI and with the pinned compiler; lints of newer compilers are warnings.
lints() {
    local pinned
    pinned="$(sed -n 's/^channel = "\(.*\)"$/\1/p' rust-toolchain.toml)"
    if [ -n "${CI:-}" ] || [ "$(rustc --version | cut -d' ' -f2)" = "$pinned" ]; then
        cargo clippy --locked --workspace --all-targets -- -D warnings
    else
        cargo clippy --locked --workspace --all-targets
    fi
}

require_databases() {
    local missing=()
    find_postgres || missing+=(postgresql)
    find_redis || missing+=(redis-server)
    [ ${#missing[@]} -eq 0 ] && return
    if ! is_root || ! command -v apt-get >/dev/null; then
        fail "missing: ${missing[*]}; install them (on Debian: sudo apt-get install ${missing[*]}) and run this again"
    fi
    install_packages "${missing[@]}"
    find_postgres || fail "PostgreSQL's initdb and pg_ctl are not where its package puts them"
    find_redis || fail "redis-server is not on the PATH after its package was installed"
}

install_packages() {
    # Debian's packages would start system servers; this policy file prevents that.
    local policy=/usr/sbin/policy-rc.d ours=""
    if [ ! -e "$policy" ]; then
        printf '#!/bin/sh\nexit 101\n' >"$policy"
        chmod 755 "$policy"
        ours=1
    fi
    local status=0
    {
        apt-get -q update &&
            DEBIAN_FRONTEND=noninteractive apt-get -q install -y --no-install-recommends "$@"
    } </dev/null || status=$?
    [ -n "$ours" ] && rm -f "$policy"
    [ "$status" -eq 0 ] || fail "apt-get could not install $*"
}

# Finds the newest server; Debian does not put its programs on the PATH.
find_postgres() {
    local directory
    while read -r directory; do
        if [ -x "$directory/initdb" ] && [ -x "$directory/pg_ctl" ]; then
            postgres_bin="$directory"
            return 0
        fi
    done < <(
        printf '%s\n' /usr/lib/postgresql/*/bin | sort -rV
        pg_config --bindir 2>/dev/null || true
        dirname "$(command -v initdb || echo /nowhere/initdb)"
    )
    return 1
}

find_redis() {
    redis_server="$(command -v redis-server || command -v valkey-server)"
}

# --- databases -----------------------------------------------------------------------------------------

# Sets the user that runs the servers, and how to switch to it: PostgreSQL refuses to run as root, and the
# working directory may be inaccessible to that user.
choose_owner() {
    is_root || return 0
    owner=nobody
    if id postgres >/dev/null 2>&1; then
        owner=postgres
    fi
    as_owner=(env -C / setpriv --reuid="$(id -u "$owner")" --regid="$(id -g "$owner")" --clear-groups)
}

give_to_owner() {
    if [ -n "$owner" ]; then
        chown "$owner" "$@"
    fi
}

# A currently free port. Another process may take it first, so callers retry.
free_port() {
    local port
    while :; do
        port=$((20000 + RANDOM % 12000))
        (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || break
    done
    echo "$port"
}

start_postgres() {
    local data="$scratch/postgres" socket="$scratch/socket" password port
    password="$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')"
    mkdir -m 700 "$data" "$socket"
    (umask 077 && echo "$password" >"$scratch/password")
    give_to_owner "$data" "$socket" "$scratch/password"
    "${as_owner[@]}" "$postgres_bin/initdb" --pgdata="$data" --username=vantage --pwfile="$scratch/password" \
        --auth=scram-sha-256 --encoding=UTF8 --locale=C --no-sync >"$scratch/initdb.log" 2>&1 ||
        { cat "$scratch/initdb.log" >&2 && fail "initdb failed"; }
    # Durability is not needed.
    cat >>"$data/postgresql.conf" <<CONF
listen_addresses = '127.0.0.1'
unix_socket_directories = '$socket'
max_connections = 500
fsync = off
synchronous_commit = off
full_page_writes = off
log_min_messages = fatal
CONF
    for _ in 1 2 3 4 5; do
        port="$(free_port)"
        if "${as_owner[@]}" "$postgres_bin/pg_ctl" -D "$data" -l "$data/log" -o "-p $port" -w -t 60 start >/dev/null 2>&1; then
            postgres_running=1
            export VANTAGE_TEST_POSTGRES_URL="postgres://vantage:$password@127.0.0.1:$port/postgres"
            return
        fi
    done
    cat "$data/log" >&2
    fail "PostgreSQL did not start"
}

start_redis() {
    local port
    mkdir -m 700 "$scratch/redis"
    give_to_owner "$scratch/redis"
    for _ in 1 2 3 4 5; do
        port="$(free_port)"
        "${as_owner[@]}" "$redis_server" --port "$port" --bind 127.0.0.1 --save "" --appendonly no \
            --dir "$scratch/redis" >"$scratch/redis.log" 2>&1 &
        redis_pid=$!
        if redis_answers "$port"; then
            export VANTAGE_TEST_REDIS_URL="redis://127.0.0.1:$port"
            return
        fi
        kill "$redis_pid" 2>/dev/null || true
    done
    cat "$scratch/redis.log" >&2
    fail "Redis did not start"
}

# Waits until the started server responds or has exited.
redis_answers() {
    local port="$1" reply
    while kill -0 "$redis_pid" 2>/dev/null; do
        if { exec 3<>"/dev/tcp/127.0.0.1/$port"; } 2>/dev/null; then
            printf 'PING\r\n' >&3
            read -r -t 5 reply <&3 || reply=""
            exec 3>&-
            [ "$reply" = $'+PONG\r' ] && return 0
        fi
        sleep 0.05
    done
    return 1
}

main "$@"
