#!/usr/bin/env bash
# Regenerates the manifests and Relay's artifacts with the tools of Apollo Client, Relay and GraphQL Code Generator. Requires
# Node.js and a package registry.
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
scratch="$(mktemp -d)"
trap 'rm -rf "$scratch"' EXIT
cp -r "$here"/. "$scratch"
cd "$scratch"
npm install --silent --no-save --no-audit --no-fund graphql@16 @apollo/client@4 \
    @apollo/generate-persisted-query-manifest relay-compiler@21 @graphql-codegen/cli @graphql-codegen/client-preset
npx generate-persisted-query-manifest --config apollo.config.json
npx relay-compiler relay.config.json
npx graphql-codegen --config codegen.json
cp codegen/persisted-documents.json manifests/codegen.json
cp manifests/*.json "$here/manifests/"
cp relay/artifacts/* "$here/relay/artifacts/"
