#!/usr/bin/env bash
# Makes a release archive: the binary, its configuration files, the systemd units, and a list of what it is made of.
#
#   deploy/release.sh                     builds, then writes dist/vantage-VERSION-TARGET.tar.gz and its SHA-256
#   deploy/release.sh --binary FILE       packs this binary instead of building one
#   … --skip-record                       does not record what the next version must be compatible with
#
# The same sources and compiler give the same archive: times are those of the last commit.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

binary="" record=1
while [ $# -gt 0 ]; do
    case "$1" in
        --binary)
            binary="${2:?--binary needs a file}"
            shift
            ;;
        --skip-record) record="" ;;
        *) echo "usage: deploy/release.sh [--binary FILE] [--skip-record]" >&2 && exit 2 ;;
    esac
    shift
done

version="$(sed -n '/^\[workspace.package\]/,/^$/s/^version = "\(.*\)"$/\1/p' Cargo.toml)"
target="$(uname -m)-$(uname -s | tr '[:upper:]' '[:lower:]')"
name="vantage-$version-$target"
SOURCE_DATE_EPOCH="$(git log -1 --format=%ct)"
export SOURCE_DATE_EPOCH

if [ -z "$binary" ]; then
    # Paths of this machine do not belong in panics.
    export RUSTFLAGS="${RUSTFLAGS:-} --remap-path-prefix=$PWD=/vantage --remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}=/cargo"
    cargo build --profile dist --locked --bin vantage
    binary="${CARGO_TARGET_DIR:-target}/dist/vantage"
fi
[ "$("$binary" --version)" = "vantage $version" ] || { echo "error: $binary is not version $version" >&2 && exit 1; }

scratch="$(mktemp -d)"
trap 'rm -rf "$scratch"' EXIT
root="$scratch/$name"
mkdir -p "$root/bin" "$root/deploy"
install -m 755 "$binary" "$root/bin/vantage"
strip "$root/bin/vantage"
cp -r router-config schema "$root/"
cp -r deploy/systemd deploy/nginx deploy/prometheus deploy/alertmanager deploy/grafana "$root/deploy/"
cp LICENSE README.md CHANGELOG.md "$root/"

if cargo cyclonedx --version >/dev/null 2>&1; then
    cargo cyclonedx --manifest-path Cargo.toml --format json --override-filename vantage-sbom >/dev/null
    mv vantage-sbom.json "$root/sbom.cdx.json"
    find . -name vantage-sbom.json -not -path './target/*' -delete
elif command -v syft >/dev/null; then
    syft scan "dir:." --quiet --output "cyclonedx-json=$root/sbom.cdx.json"
else
    echo "note: no sbom.cdx.json: neither cargo-cyclonedx nor syft is installed" >&2
fi
# In any case the exact versions and checksums of all crates.
cp Cargo.lock "$root/"

chmod -R u=rwX,go=rX "$root"
mkdir -p dist
tar --sort=name --mtime="@$SOURCE_DATE_EPOCH" --owner=0 --group=0 --numeric-owner -C "$scratch" -cf - "$name" |
    gzip -n9 >"dist/$name.tar.gz"
(cd dist && sha256sum "$name.tar.gz" | tee "$name.tar.gz.sha256")

if [ -n "$record" ]; then
    tests/previous/record.sh
    echo "commit tests/previous/release and migrations/src/compatibility.rs: the next version must work beside this one"
fi
