#!/usr/bin/env bash
# Runs the Model Context Protocol's conformance suite and its official clients against a running server. Requires Node.js
# 20 or newer, and a package registry on the first run.
#
#   tests/mcp/run.sh            install missing packages and run
#   tests/mcp/run.sh install    only install
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
    mcp::official::the_conformance_suite_passes \
    mcp::official::official_clients_are_served
