#!/usr/bin/env bash
# Compares the router with graphql-js: the parser over random documents, validation over random operations, and schema
# comparison over random schemas.
# Requires Node.js 20 or newer, and a package registry on the first run.
#
#   router/language/run.sh            install missing packages and run
#   router/language/run.sh install    only install
#   LANGUAGE_COUNT=100000 LANGUAGE_SEED=7 router/language/run.sh
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
exec cargo test --locked -p router --lib -- --ignored --exact --nocapture \
    prepare::oracle::graphql_js_reads_the_same \
    prepare::validation::oracle::graphql_js_finds_the_same_valid schema_changes::oracle::graphql_js_finds_the_same_changes
