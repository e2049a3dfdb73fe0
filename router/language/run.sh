#!/usr/bin/env bash
# Compares the router's parser with graphql-js over random documents, and the changes that it finds between random schemas.
# Needs Node.js 20 or newer, and a package registry the first time.
#
#   router/language/run.sh            installs what is missing and runs
#   router/language/run.sh install    installs only
#   LANGUAGE_COUNT=100000 LANGUAGE_SEED=7 router/language/run.sh
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
exec cargo test --locked -p router --lib -- --ignored --exact --nocapture \
    prepare::oracle::graphql_js_reads_the_same schema_changes::oracle::graphql_js_finds_the_same_changes
