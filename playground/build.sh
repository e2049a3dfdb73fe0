#!/usr/bin/env bash
# Builds the web pages into playground/dist/, which the binary embeds. Needs Node.js 20 or newer, and a package registry
# the first time.
#
#   playground/build.sh             builds
#   playground/build.sh --check     fails when dist/ is not what the sources build
#   playground/build.sh install     installs the packages only
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

# What is installed is what the lock file says, or it is installed again.
if ! cmp -s package-lock.json node_modules/.installed.json; then
    npm ci --no-audit --no-fund --loglevel=error
    cp package-lock.json node_modules/.installed.json
fi
if [ "${1:-}" = install ]; then
    exit
fi
exec node build.mjs "$@"
