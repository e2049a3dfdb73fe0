#!/usr/bin/env bash
# Records this version as the previous release, with which the next one must be compatible: the statements that its processes
# and the tests of its domains run, and its schema. Writes tests/previous/release and migrations/src/compatibility.rs, to be
# committed after the release. deploy/release.sh runs this.
#
#   tests/previous/record.sh            runs the tests of the domains, and the journeys
#   tests/previous/record.sh --quick    only those of the domains, which run most statements
#
# Takes as long as the tests that it runs. They may fail: what counts is what they did until then.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

scratch="$(mktemp -d "${TMPDIR:-/tmp}/vantage-statements.XXXXXX")"
trap 'rm -rf "$scratch"' EXIT
export VANTAGE_TEST_STATEMENTS="$scratch"

tests_of() {
    ./test.sh "$@" || echo "note: not all of these tests passed: $*" >&2
}
tests_of --locked --no-fail-fast -p notifications -p orders -p pricing -p returns -p search -p tracking
[ "${1:-}" = --quick ] || tests_of --locked --no-fail-fast -p vantage --test journeys --test crash_points
./test.sh --locked -p vantage --test previous -- --ignored --exact record::the_release_is_recorded

version="$(cut -d' ' -f1 tests/previous/release/release.txt)"
sed -i -E "s/^(pub const PREVIOUS_RELEASE: &str = )\".*\";/\1\"$version\";/" migrations/src/compatibility.rs
grep -q "PREVIOUS_RELEASE: &str = \"$version\"" migrations/src/compatibility.rs ||
    { echo "error: migrations/src/compatibility.rs does not name the release" >&2 && exit 1; }
wc -l tests/previous/release/statements/*/*.tsv
echo "recorded: $(cat tests/previous/release/release.txt)"
