#!/usr/bin/env bash
# Keeps the vendored crates beside it what their published crates and `patches/` make of them.
#
#   vendor.sh check [CRATE]    offline: with the patches taken back, every file is the published one
#   vendor.sh make CRATE       makes it anew, from cargo's cache of the registry or downloaded by cargo, and checks
#
# For another release: change the crate's `upstream.txt`, run `make`, and mend the patches that do not apply.
# `hive-router-planner` is a part of a crate and has a script of its own.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")"

of() { awk -v key="$2" '$1 == key { print $2 }' "$1/upstream.txt"; }
files() { (cd "$1" && find src -type f | LC_ALL=C sort); }

scratch="$(mktemp -d "${TMPDIR:-/tmp}/vendored.XXXXXX")"
trap 'rm -rf "$scratch"' EXIT

check() {
    local crate="$1" patch
    mkdir "$scratch/$crate"
    cp -r "$crate/src" "$scratch/$crate"
    # Backwards: a later patch may change what an earlier one has made.
    for patch in $(ls "$crate"/patches/*.patch | LC_ALL=C sort -r); do
        patch --quiet --directory="$scratch/$crate" --remove-empty-files --reverse --strip=1 --no-backup-if-mismatch \
            < "$patch" || { echo "$patch cannot be taken back"; exit 1; }
    done
    (cd "$scratch/$crate" && sha256sum --check --quiet --strict) < "$crate/published.sha256"
    diff <(cut -c67- "$crate/published.sha256" | LC_ALL=C sort) <(files "$scratch/$crate") \
        || { echo "$crate has other files than those published"; exit 1; }
    rm -rf "${scratch:?}/$crate"
}

make() {
    local crate="$1" name archive patch
    name="$crate-$(of "$crate" version)"
    mkdir -p "$scratch/fetch/src"
    touch "$scratch/fetch/src/lib.rs"
    printf '[package]\nname = "fetch"\nversion = "0.0.0"\nedition = "2021"\n[dependencies]\n%s = "=%s"\n[workspace]\n' \
        "$crate" "$(of "$crate" version)" > "$scratch/fetch/Cargo.toml"
    cargo fetch --quiet --manifest-path "$scratch/fetch/Cargo.toml"
    archive="$(ls "${CARGO_HOME:-$HOME/.cargo}"/registry/cache/*/"$name.crate" | head -n 1)"
    echo "$(of "$crate" sha256)  $archive" | sha256sum --check --quiet
    tar --extract --gzip --file "$archive" --directory "$scratch"
    rm -rf "$crate/src"
    cp -r "$scratch/$name/src" "$crate"
    # Without the crate's own tests and benchmarks, which are not here, and what only they depend on.
    awk '/^\[/ { skip = /^\[\[(test|bench|example)\]\]/ || /^\[dev-dependencies/ } !skip' \
        "$scratch/$name/Cargo.toml" > "$crate/Cargo.toml"
    # Cargo shows what is deprecated in a path's crate, but not in a published one.
    printf '\n[lints.rust]\ndeprecated = "allow"\n' >> "$crate/Cargo.toml"
    (cd "$crate" && files . | xargs sha256sum > published.sha256)
    for patch in "$crate"/patches/*.patch; do
        patch --quiet --directory="$crate" --strip=1 --no-backup-if-mismatch < "$patch" \
            || { echo "$patch does not apply"; exit 1; }
    done
    check "$crate"
}

case "${1:-}:${2:-}" in
    check:) for list in */upstream.txt; do
        crate="${list%/upstream.txt}"
        [ -e "$crate/vendor.sh" ] || check "$crate"
    done ;;
    check:?*) check "$2" ;;
    make:?*) make "$2" ;;
    *) sed -n '2,8s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; exit 2 ;;
esac
