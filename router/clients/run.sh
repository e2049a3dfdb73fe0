#!/usr/bin/env bash
# Tests the router's HTTP server with common clients: the audits of graphql-http, graphql-ws, graphql-sse,
# Apollo Client, urql and Relay. Requires Node.js 20 or newer, and a package registry on the first run.
#
#   router/clients/run.sh            install missing packages and run
#   router/clients/run.sh install    only install
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
exec cargo test --locked -p router --test server -- --ignored --exact clients::real_clients_are_served --nocapture
