#!/usr/bin/env bash
# Drives the router's edge with the clients that the field uses: the audits of graphql-http, graphql-ws, graphql-sse,
# Apollo Client, urql and Relay. Needs Node.js 20 or newer, and a package registry the first time.
#
#   router/clients/run.sh            installs what is missing and runs
#   router/clients/run.sh install    installs only
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
exec cargo test --locked -p router --test server -- --ignored --exact clients::real_clients_are_served --nocapture
