// Runs the scenarios of the conformance suite that concern a server with tools, and expects every check to pass.

import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** By revision. The other scenarios need prompts, resources, pictures, sessions, or a server that asks its client. */
const SCENARIOS = {
  "2026-07-28": [
    "server-stateless",
    "tools-list",
    "tools-call-simple-text",
    "tools-call-error",
    "server-sse-multiple-streams",
    "dns-rebinding-protection",
    "http-header-validation",
    "caching",
  ],
  "2025-11-25": [
    "server-initialize",
    "ping",
    "tools-list",
    "tools-call-simple-text",
    "tools-call-error",
    "dns-rebinding-protection",
  ],
};

/** Checks in these scenarios of what the server does not have, and says so. */
const NOT_OFFERED = new Set([
  // No tool needs anything of the client.
  "sep-2575-server-rejects-undeclared-capability",
  "sep-2575-missing-capability-http-400",
  // Neither prompts nor resources.
  "sep-2549-prompts-list-caching-hints",
  "sep-2549-resources-list-caching-hints",
  "sep-2549-resources-templates-list-caching-hints",
  "sep-2549-resources-read-caching-hints",
]);

const url = process.env.MCP_URL;
if (!url) {
  throw new Error("MCP_URL must be set: run tests/mcp/run.sh");
}
const suite = fileURLToPath(new URL("./node_modules/.bin/conformance", import.meta.url));
const results = mkdtempSync(join(tmpdir(), "conformance-"));
let passed = 0;
let skipped = 0;
const failed = [];
for (const [revision, scenarios] of Object.entries(SCENARIOS)) {
  for (const scenario of scenarios) {
    const output = join(results, revision, scenario);
    const command = ["server", "--url", url, "--scenario", scenario, "--spec-version", revision, "-o", output];
    const hooks = ["--import", new URL("./glob_sync.mjs", import.meta.url).href];
    const run = spawnSync(process.execPath, [...hooks, suite, ...command], { encoding: "utf8", timeout: 60_000 });
    const checks = readdirSync(output, { recursive: true, encoding: "utf8" })
      .filter((file) => file.endsWith("checks.json"))
      .flatMap((file) => JSON.parse(readFileSync(join(output, file), "utf8")));
    if (checks.length === 0) {
      failed.push(`${revision} ${scenario}: no checks: ${run.stdout}${run.stderr}`);
    }
    for (const { id, status, errorMessage } of checks) {
      if (status === "SUCCESS") {
        passed += 1;
      } else if (status === "SKIPPED" || status === "INFO") {
        // The server does not claim to have what the check is about.
        skipped += 1;
      } else if (!NOT_OFFERED.has(id)) {
        failed.push(`${revision} ${scenario}: ${id}: ${status}: ${errorMessage}`);
      }
    }
  }
}
rmSync(results, { recursive: true });
console.log(`${passed} checks passed, ${skipped} skipped, ${failed.length} failed`);
for (const failure of failed) {
  console.error(failure);
}
process.exitCode = failed.length === 0 && passed > 0 ? 0 : 1;
