// Lints schema/: the API schema, and the subgraphs it is composed of. The supergraph has no descriptions of its own.

import { spawnSync } from "node:child_process";
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { Kind, parse, print } from "graphql";

const ROOT = join(import.meta.dirname, "../../schema");
const LINTER = join(import.meta.dirname, "node_modules/.bin/graphql-schema-linter");

const API = "api.graphql";
const SUPERGRAPH = "supergraph.graphql";

/** All rules except those for alphabetical order, because the order of fields and values has a meaning. */
const RULES = [
  "arguments-have-descriptions",
  "deprecations-have-a-reason",
  "descriptions-are-capitalized",
  "enum-values-all-caps",
  "enum-values-have-descriptions",
  "fields-are-camel-cased",
  "fields-have-descriptions",
  "input-object-fields-are-camel-cased",
  "input-object-values-are-camel-cased",
  "input-object-values-have-descriptions",
  "relay-connection-arguments-spec",
  "relay-connection-types-spec",
  "types-are-capitalized",
  "types-have-descriptions",
];
/** A subgraph may have no list, and types that only other subgraphs use. */
const API_RULES = [...RULES, "defined-types-are-used", "relay-page-info-spec"];

const read = (path) => readFileSync(path, "utf8");
const federation = parse(read(join(import.meta.dirname, "federation.graphql"))).definitions;
const query = parse('"Required of a schema." type Query { "Required of a type." nothing: Boolean }').definitions;

/** A subgraph with the definitions that it takes for granted, so that it is a schema by itself. */
function complete(subgraph) {
  const own = parse(subgraph).definitions;
  const names = new Set(own.map(({ kind, name }) => `${kind} ${name?.value}`));
  const missing = [...federation, ...query].filter(({ kind, name }) => !names.has(`${kind} ${name.value}`));
  return print({ kind: Kind.DOCUMENT, definitions: [...own, ...missing] });
}

function problems(schema, rules) {
  const options = ["--stdin", "--format", "json", "--rules", rules.join()];
  const run = spawnSync(process.execPath, [LINTER, ...options], { input: schema, encoding: "utf8" });
  if (run.stdout === "") throw new Error(`graphql-schema-linter failed: ${run.stderr}`);
  return JSON.parse(run.stdout).errors.map(({ message, rule }) => `${message} (${rule})`);
}

const names = readdirSync(ROOT).filter((name) => name.endsWith(".graphql") && name !== SUPERGRAPH);
for (const name of names) {
  const text = read(join(ROOT, name));
  const found = name === API ? problems(text, API_RULES) : problems(complete(text), RULES);
  console.log([`${name}: ${found.length === 0 ? "clean" : `${found.length} problems`}`, ...found].join("\n  "));
  if (found.length > 0) process.exitCode = 1;
}
