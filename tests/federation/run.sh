#!/usr/bin/env bash
# Runs Vantage's six subgraphs as services, and sends the same operations through Apollo Gateway and Vantage's router; the
# responses must be equal. Requires Node.js 20 or newer, and a package registry on the first run.
#
#   tests/federation/run.sh            install missing packages and run
#   tests/federation/run.sh install    only install
#   FEDERATION_COUNT=10000 FEDERATION_SEED=7 tests/federation/run.sh
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
    compose::other_tools_load_what_is_composed \
    federation::apollo_gateway_and_our_router_answer_the_same
