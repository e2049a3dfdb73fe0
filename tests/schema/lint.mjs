// Lints each file of schema/. A subgraph is no whole schema, so what it lacks of one is added before.

import { spawnSync } from "node:child_process";
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { Kind, parse, print } from "graphql";

const ROOT = join(import.meta.dirname, "../../schema");
const LINTER = join(import.meta.dirname, "node_modules/.bin/graphql-schema-linter");

/** Left out: the rules that want everything in alphabetical order, for order means something here. */
const EVERYWHERE = [
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
/** A subgraph may own no list, and has entities that only other subgraphs refer to. */
const OF_WHOLE_SCHEMAS = ["defined-types-are-used", "relay-page-info-spec"];
const WHOLE = ["api.graphql"];
/** The supergraph has the definitions of its specifications, which nobody here has written. */
const OF_SPECIFICATIONS = /^(join|link)__|^inaccessible$/;

const federation = parse(readFileSync(join(import.meta.dirname, "federation.graphql"), "utf8")).definitions;
const query = parse('"The entry points for reading." type Query { "Nothing." nothing: Boolean }').definitions;

function whole(text) {
  const known = parse(text).definitions.filter(({ name }) => !OF_SPECIFICATIONS.test(name?.value ?? ""));
  const names = new Set(known.map(({ kind, name }) => `${kind} ${name?.value}`));
  const isMissing = ({ kind, name }) => !names.has(`${kind} ${name.value}`);
  const added = [...federation, ...query].filter(isMissing);
  return print({ kind: Kind.DOCUMENT, definitions: [...known, ...added] });
}

let failed = false;
for (const name of readdirSync(ROOT).filter((name) => name.endsWith(".graphql"))) {
  const isWhole = WHOLE.includes(name);
  const text = readFileSync(join(ROOT, name), "utf8");
  const rules = isWhole ? [...EVERYWHERE, ...OF_WHOLE_SCHEMAS] : EVERYWHERE;
  const run = spawnSync(process.execPath, [LINTER, "--stdin", "--format", "json", "--rules", rules.join()], {
    input: isWhole ? text : whole(text),
    encoding: "utf8",
  });
  const { errors } = JSON.parse(run.stdout);
  console.log(`${name}: ${errors.length === 0 ? "clean" : `${errors.length} problems`}`);
  for (const { message, rule } of errors) console.log(`  ${message} (${rule})`);
  failed ||= errors.length > 0;
}
process.exitCode = failed ? 1 : 0;
