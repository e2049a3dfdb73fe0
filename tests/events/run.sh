#!/usr/bin/env bash
# Checks schema/asyncapi.json with AsyncAPI's own parser, and schema/events with a validator of JSON Schema. Requires
# Node.js 20 or newer, and a package registry on the first run.
#
#   tests/events/run.sh            install missing packages and run
#   tests/events/run.sh install    only install
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

# Reinstall unless the installed packages match the lock file.
if ! cmp -s package-lock.json node_modules/.installed.json; then
    npm ci --no-audit --no-fund --loglevel=error
    cp package-lock.json node_modules/.installed.json
fi
if [ "${1:-}" = install ]; then
    exit
fi
exec node --test validate.test.mjs
