#!/usr/bin/env bash
# Runs Vantage's six subgraphs as services and asks them the same through Apollo Gateway and through Vantage's router: the
# answers must be the same. Needs Node.js 20 or newer, and a package registry the first time.
#
#   tests/federation/run.sh            installs what is missing and runs
#   tests/federation/run.sh install    installs only
#   FEDERATION_COUNT=10000 FEDERATION_SEED=7 tests/federation/run.sh
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
exec cargo test --locked -p vantage --test journeys -- --ignored --exact federation::apollo_gateway_and_our_router_answer_the_same --nocapture
