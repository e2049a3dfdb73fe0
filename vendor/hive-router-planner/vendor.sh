#!/usr/bin/env bash
# Keeps `src/query_planner` and `fixture` what the published crate and `patches/` make of them.
#
#   vendor.sh check    offline: with the patches taken back, every file is the published one
#   vendor.sh make     makes them anew, from cargo's cache of the registry or downloaded by cargo, and checks
#
# For another release: change `upstream.txt`, run `make`, and mend the patches that do not apply.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")"

of() { awk -v key="$1" '$1 == key { print $2 }' upstream.txt; }
files() { (cd "$1" && find src/query_planner fixture -type f | LC_ALL=C sort); }

scratch="$(mktemp -d "${TMPDIR:-/tmp}/planner.XXXXXX")"
trap 'rm -rf "$scratch"' EXIT

check() {
    cp -r src fixture "$scratch"
    # Backwards: a later patch may change what an earlier one has made.
    for patch in $(ls patches/*.patch | LC_ALL=C sort -r); do
        patch --quiet --directory="$scratch" --remove-empty-files --reverse --strip=1 --no-backup-if-mismatch < "$patch" \
            || { echo "$patch cannot be taken back"; exit 1; }
    done
    (cd "$scratch" && sha256sum --check --quiet --strict) < published.sha256
    diff <(cut -c67- published.sha256 | LC_ALL=C sort) <(files "$scratch") \
        || { echo "there are other files than those published"; exit 1; }
}

make() {
    local name version crate
    name="$(of crate)-$(of version)"
    mkdir "$scratch/fetch" "$scratch/fetch/src"
    touch "$scratch/fetch/src/lib.rs"
    printf '[package]\nname = "fetch"\nversion = "0.0.0"\nedition = "2021"\n[dependencies]\n%s = "=%s"\n[workspace]\n' \
        "$(of crate)" "$(of version)" > "$scratch/fetch/Cargo.toml"
    cargo fetch --quiet --manifest-path "$scratch/fetch/Cargo.toml"
    crate="$(ls "${CARGO_HOME:-$HOME/.cargo}"/registry/cache/*/"$name.crate" | head -n 1)"
    echo "$(of sha256)  $crate" | sha256sum --check --quiet
    tar --extract --gzip --file "$crate" --directory "$scratch"
    rm -rf src/query_planner fixture
    cp -r "$scratch/$name/src/query_planner" src/
    mkdir fixture
    cp -r "$scratch/$name/fixture/tests" "$scratch/$name/fixture/issues" fixture/
    # What only the crate's own tests use, as they need the rest of the crate.
    rm -rf src/query_planner/tests src/query_planner/consumer_schema/snapshots
    files . | xargs sha256sum > published.sha256
    for patch in patches/*.patch; do
        patch --quiet --strip=1 --no-backup-if-mismatch < "$patch" || { echo "$patch does not apply"; exit 1; }
    done
    rm -rf "$scratch"/*
    check
}

case "${1:-}" in
    check) check ;;
    make) make ;;
    *) sed -n '2,8s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; exit 2 ;;
esac
