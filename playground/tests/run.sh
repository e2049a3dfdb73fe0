#!/usr/bin/env bash
# Opens the pages in Chromium over a demo shop, and checks what people see. Needs Node.js 20 or newer, a package registry
# the first time, and Chromium: as root on Debian it installs that itself.
#
#   playground/tests/run.sh            installs what is missing and runs
#   playground/tests/run.sh install    installs only
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

has_chromium() {
    [ -n "${CHROMIUM:-}" ] || command -v chromium chromium-browser google-chrome google-chrome-stable >/dev/null
}

../build.sh install
if ! has_chromium && [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null; then
    apt-get -q update
    DEBIAN_FRONTEND=noninteractive apt-get -q install -y --no-install-recommends chromium </dev/null
fi
has_chromium || { echo "error: there is no Chromium: install it, or name it in CHROMIUM" >&2 && exit 1; }
if [ "${1:-}" = install ]; then
    exit
fi
exec cargo test --locked -p vantage --test journeys -- --ignored --exact playground::browsers_show_the_pages --nocapture
