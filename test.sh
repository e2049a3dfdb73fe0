#!/usr/bin/env bash
# Runs the tests. Installs PostgreSQL and Redis from Debian packages if they are missing and it is allowed to
# (as root), starts private instances of both on free ports in a temporary directory, checks format, lints
# and licences, runs every test, those that failed once more alone, and cleans up after itself.
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

# Property tests have the same random cases in every run, so that only a change of the code makes one fail. Others: with
# another number.
export PROPTEST_RNG_SEED="${PROPTEST_RNG_SEED:-1}"

step=""
ran=()
skipped=()
unstable=()
failed=""
scratch=""
# shellcheck source=tests/servers.sh
source tests/servers.sh

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
    run "the list of failed tests" diff tests/reruns/expected.tsv <(awk -f tests/reruns/failed.awk tests/reruns/cargo-test.log)
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

# Runs every test. What fails runs once more alone: what passes then is reported as unstable, and what fails again fails
# this command and is named once more at its end, where it is found.
all_tests() {
    local log="$scratch/tests.log" status=0 triple
    if command -v setpriv >/dev/null; then
        # A test executable that hangs is ended, with its children. It also ends with cargo: Ctrl-C does not reach it.
        triple="$(rustc -vV | sed -n 's/^host: //p' | tr 'a-z-' 'A-Z_')"
        local -x "CARGO_TARGET_${triple}_RUNNER=setpriv --pdeathsig TERM timeout --kill-after=10 2400"
    fi
    # What is printed is read below.
    local -x CARGO_TERM_COLOR=never
    logged "$log" cargo test --locked --workspace --no-fail-fast || status=$?
    [ "$status" -eq 0 ] || run_failed_again "$log"
}

# Runs a command and writes what it prints to a file, too. A process that it leaves behind holds up nobody.
logged() {
    local log="$1" status=0 output tee
    shift
    exec {output}> >(exec tee "$log")
    tee=$!
    "$@" >&"$output" 2>&1 {output}>&- || status=$?
    exec {output}>&-
    timeout 10 tail --pid="$tee" -f /dev/null || kill "$tee" 2>/dev/null || true
    return "$status"
}

# Succeeds if all that failed passes now.
run_failed_again() {
    local log="$1" list="$scratch/failed" target tests test still_failing=()
    awk -f tests/reruns/failed.awk "$log" >"$list"
    # Many failures are no accident, and without any, nothing was built.
    if [ ! -s "$list" ] || [ "$(tr '\t' '\n' <"$list" | wc -l)" -gt 40 ]; then
        failed="$(grep -aE '^test .+ \.\.\. FAILED|^error(\[|:)' "$log" | sort -u | head -n 40 || true)"
        return 1
    fi
    while IFS=$'\t' read -ru 3 -a tests; do
        target="${tests[0]}"
        tests=("${tests[@]:1}")
        printf '\n== once more alone: %s %s\n' "$target" "${tests[*]}"
        if run_alone "$target" "${tests[@]}"; then
            for test in "${tests[@]:-all of its tests}"; do
                unstable+=("$target: $test: passed alone after a failure")
            done
        else
            still_failing+=("failed twice: $target: ${tests[*]:-all of its tests}")
        fi
    done 3<"$list"
    failed="$(printf '%s\n' "${still_failing[@]}")"
    [ ${#still_failing[@]} -eq 0 ]
}

# Runs these tests of a target one after another, or all of its tests if none is named.
run_alone() {
    local log="$scratch/alone.log" selection
    # With the features of the whole workspace, by which everything is already built.
    read -ra selection <<<"${1#-p * }"
    shift
    [ $# -eq 0 ] || set -- --exact --test-threads=1 "$@"
    logged "$log" cargo test --locked --workspace "${selection[@]}" -- "$@" || return
    # A name that matches no test must not pass.
    [ "$(awk '/^test result: ok\. / { passed += $4 } END { print passed + 0 }' "$log")" -ge $(($# > 2 ? $# - 2 : 1)) ]
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
        run_script "$name" "$script" "$@"
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
    run_script "$name" tests/search-nodes/run.sh
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
        run_script "$name" "$script"
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

# Runs a script with other programs' servers and clients, once more if it fails.
run_script() {
    run "$1" try_again "${@:2}"
}

try_again() {
    "$@" && return
    printf '\n== once more: %s\n' "$step"
    "$@" || return
    unstable+=("$step: passed after a failure")
}

finish() {
    local status=$?
    trap - EXIT
    set +e
    stop_servers
    [ -n "$scratch" ] && rm -rf "$scratch"
    echo
    if [ ${#ran[@]} -gt 0 ]; then
        printf 'passed: %s\n' "${ran[@]}"
    fi
    if [ ${#skipped[@]} -gt 0 ]; then
        printf 'skipped: %s\n' "${skipped[@]}"
    fi
    if [ ${#unstable[@]} -gt 0 ]; then
        printf 'unstable: %s\n' "${unstable[@]}"
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

main "$@"
