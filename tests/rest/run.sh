#!/usr/bin/env bash
# Validates the OpenAPI document of a running server, generates a client from it, checks the client's use against the
# generated types, and runs it against the server. Requires Node.js 20 or newer, and a package registry on the first run.
#
#   tests/rest/run.sh            install missing packages and run
#   tests/rest/run.sh install    only install
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
exec cargo test --locked -p vantage --test journeys -- --ignored --exact --nocapture \
    rest::generated_client::a_generated_client_is_served webhooks::the_official_library_verifies_webhooks
