#!/usr/bin/env bash
# Checks the schemas of schema/ by graphql-schema-linter: everything is described, what is deprecated has a reason, names and
# lists follow the conventions. Needs Node.js 20 or newer, and a package registry the first time.
#
#   tests/schema/run.sh            installs what is missing and runs
#   tests/schema/run.sh install    installs only
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
exec node lint.mjs
