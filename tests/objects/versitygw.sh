# versitygw, an implementation of S3 that checks signatures, for scripts, which source this file.
# shellcheck shell=bash
# shellcheck disable=SC2034 # The scripts use it.

versitygw_version=1.8.0
versitygw="${XDG_CACHE_HOME:-$HOME/.cache}/vantage/versitygw-$versitygw_version/versitygw"

# Builds it in the cache directory, once. Requires Go, and takes minutes.
install_versitygw() {
    [ ! -x "$versitygw" ] || return 0
    local cache built
    cache="$(dirname "$(dirname "$versitygw")")"
    mkdir -p "$cache"
    built="$(mktemp -d "$cache/versitygw.XXXXXX")"
    if ! GOBIN="$built" nice -n 10 go install "github.com/versity/versitygw/cmd/versitygw@v$versitygw_version"; then
        rm -rf "$built"
        return 1
    fi
    chmod 755 "$built"
    # Another run may have been faster.
    mv -T "$built" "$(dirname "$versitygw")" 2>/dev/null || rm -rf "$built"
}
