// The differential test: `node run.mjs [--count N] [--seed S] [--router COMMAND] [--keep-going N] [--strict] [--hard]`, or
// `node run.mjs --query Q [--variables JSON]` to show both responses.
//
// `--hard` includes features the gateway itself gets wrong: interface objects, and aliases equal to key fields.
// The differences then need manual review.
//
// Differences where only the gateway contradicts itself or the specification are counted as known faults of
// the gateway, and reported with an explanation (`knownFault`).
//
// Serves the subgraphs twice, with @apollo/gateway in front of one set and the router in front of the other, sends both
// the same generated operations, and compares: data exactly, errors by path and code. Exits 1 on a difference.
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isDeepStrictEqual, parseArgs } from "node:util";
import { ApolloGateway, RemoteGraphQLDataSource } from "@apollo/gateway";
import { Kind, parse, print, validate, visit } from "graphql";
import { compose } from "./compose.mjs";
import { Generator } from "./generate.mjs";
import { serve } from "./subgraphs.mjs";

const { values: options } = parseArgs({
  options: {
    count: { type: "string", default: "500" },
    seed: { type: "string", default: "1" },
    router: { type: "string", default: "cargo run --quiet -- router" },
    "keep-going": { type: "string", default: "5" },
    hard: { type: "boolean", default: false },
    strict: { type: "boolean", default: false },
    query: { type: "string" },
    variables: { type: "string", default: "{}" },
  },
});
const scratch = mkdtempSync(join(tmpdir(), "differential-"));
const silent = { debug() {}, info() {}, warn() {}, error() {} };

const world = { interfaceObjects: options.hard };
const worlds = [await serve(world), await serve(world)];
const gateway = new ApolloGateway({ supergraphSdl: compose(worlds[0].subgraphs), logger: silent, buildService: ({ url }) => new RemoteGraphQLDataSource({ url }) });
const { schema, executor } = await gateway.load();

const supergraph = join(scratch, "supergraph.graphql");
writeFileSync(supergraph, compose(worlds[1].subgraphs));
const [program, ...args] = options.router.split(" ");
const child = spawn(program, [...args, "--supergraph", supergraph, "--listen", "127.0.0.1:0"], { stdio: ["ignore", "pipe", "inherit"] });
const url = await new Promise((found, failed) => {
  let out = "";
  child.stdout.on("data", (chunk) => {
    out += chunk;
    const match = /http:\/\/127\.0\.0\.1:\d+\S*/.exec(out);
    if (match) found(match[0]);
  });
  child.on("exit", (code) => failed(new Error(`the router ended with ${code}`)));
});

async function oracle({ query, variables }) {
  const document = parse(query);
  const cache = { get: async () => undefined, set: async () => {}, delete: async () => {} };
  const answer = await executor({
    document,
    request: { query, variables, http: undefined },
    operationName: "Q",
    queryHash: query,
    source: query,
    operation: document.definitions[0],
    context: {},
    cache,
    schema,
    logger: silent,
    metrics: {},
    overallCachePolicy: { restrict() {}, policyIfCacheable() {}, maxAge: undefined },
  });
  return JSON.parse(JSON.stringify(answer));
}

async function router(request) {
  const send = () => fetch(url, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(request) });
  // During long planning by the gateway, this process does not notice closed idle connections.
  const response = await send().catch(send);
  return response.json();
}

/** The two use different codes for errors without one. */
const UNNAMED = new Set([undefined, "DOWNSTREAM_SERVICE_ERROR", "INTERNAL_SERVER_ERROR", "INTERNAL"]);

function errors(answer) {
  const all = (answer.errors ?? []).map(({ path, extensions }) => {
    const code = UNNAMED.has(extensions?.code) ? "INTERNAL" : extensions.code;
    return `${(path ?? []).join("/")} ${code}`;
  });
  return [...new Set(all)].sort();
}

/** In lists of several types, the gateway's indexes count only items of the fetched type. */
function withoutIndexes(errors) {
  return [...new Set(errors.map((error) => error.replace(/\/\d+(?=[/ ])/g, "/@")))].sort();
}

/** The operation with `@skip` and `@include` resolved. Fields it keeps only to be valid are `__gone`. */
function decided({ query, variables }) {
  const holds = ({ name, arguments: [{ value }] }) => (value.kind === Kind.VARIABLE ? variables[value.name.value] : value.value) === (name.value === "include");
  const empty = { kind: Kind.FIELD, alias: { kind: Kind.NAME, value: "__gone" }, name: { kind: Kind.NAME, value: "__typename" } };
  const document = visit(parse(query), {
    leave(node) {
      if (node.directives?.some((directive) => !holds(directive))) return null;
      if (node.kind === Kind.SELECTION_SET && node.selections.length === 0) return { ...node, selections: [empty] };
      return node.directives ? { ...node, directives: [] } : undefined;
    },
  });
  return { query: print(document), variables };
}

function withoutGone(value) {
  if (Array.isArray(value)) return value.map(withoutGone);
  if (!value || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).filter(([key]) => key !== "__gone").map(([key, inner]) => [key, withoutGone(inner)]));
}

/** Whether the gateway agrees when conditions are resolved beforehand; its plans lose fields next to skipped ones. */
async function agreesDecided(request, actual) {
  worlds[0].reset();
  const expected = await oracle(decided(request)).catch((error) => error);
  if (expected instanceof Error) return false;
  return !difference(withoutGone(expected.data ?? null), actual.data ?? null) && isDeepStrictEqual(withoutIndexes(errors(expected)), withoutIndexes(errors(actual)));
}

/** The first difference of two values. Key order is ignored, since the gateway reorders keys when normalizing fragments. */
function difference(one, other, path = "data") {
  if (isDeepStrictEqual(one, other)) return undefined;
  if (one && other && typeof one === "object" && typeof other === "object" && Array.isArray(one) === Array.isArray(other)) {
    const keys = Object.keys(one).sort();
    if (keys.join() !== Object.keys(other).sort().join()) return `${path}: keys ${keys} and ${Object.keys(other)}`;
    for (const key of keys) {
      const found = difference(one[key], other[key], `${path}.${key}`);
      if (found) return found;
    }
  }
  return `${path}: ${JSON.stringify(one)} and ${JSON.stringify(other)}`;
}

/** All paths where two values differ, as deep as both go. */
function differences(one, other, path = []) {
  if (isDeepStrictEqual(one, other)) return [];
  if (one && other && typeof one === "object" && typeof other === "object" && Array.isArray(one) === Array.isArray(other)) {
    const keys = new Set([...Object.keys(one), ...Object.keys(other)]);
    return [...keys].flatMap((key) => differences(one[key], other[key], [...path, Array.isArray(one) ? Number(key) : key]));
  }
  return [path];
}

/** The value at a path; `undefined` if it does not exist. */
function at(value, path) {
  return path.reduce((inner, key) => (inner === null || inner === undefined ? inner : inner[key]), value);
}

/** The operation reduced to the fields on a path and everything below it. */
function alone({ query, variables }, path) {
  const document = parse(query);
  const fragments = new Map(document.definitions.filter(({ kind }) => kind === Kind.FRAGMENT_DEFINITION).map((fragment) => [fragment.name.value, fragment]));
  const keys = path.filter((key) => typeof key === "string");
  const pruned = (set, keys) => ({ ...set, selections: set.selections.flatMap((selection) => prunedSelection(selection, keys)) });
  const prunedSelection = (selection, keys) => {
    if (selection.kind === Kind.FRAGMENT_SPREAD) {
      const { typeCondition, selectionSet } = fragments.get(selection.name.value);
      return prunedSelection({ kind: Kind.INLINE_FRAGMENT, typeCondition, directives: selection.directives, selectionSet }, keys);
    }
    if (selection.kind === Kind.FIELD) {
      if (keys.length > 0 && (selection.alias ?? selection.name).value !== keys[0]) return [];
      if (!selection.selectionSet) return keys.length > 1 ? [] : [selection];
      const selectionSet = pruned(selection.selectionSet, keys.slice(1));
      return selectionSet.selections.length > 0 ? [{ ...selection, selectionSet }] : [];
    }
    const selectionSet = pruned(selection.selectionSet, keys);
    return selectionSet.selections.length > 0 ? [{ ...selection, selectionSet }] : [];
  };
  const [operation] = document.definitions;
  const selectionSet = pruned(operation.selectionSet, keys);
  const used = new Set();
  visit(selectionSet, { Variable: ({ name }) => void used.add(name.value) });
  const variableDefinitions = operation.variableDefinitions.filter(({ variable }) => used.has(variable.name.value));
  const values = Object.entries(variables).filter(([name]) => used.has(name));
  return { query: print({ ...operation, variableDefinitions, selectionSet }), variables: Object.fromEntries(values) };
}

/**
 * Why a difference is the gateway's fault; `undefined` if unknown. A field's value does not depend on the fields
 * selected beside it (both use the same subgraphs), and an error's path leads to a selected field.
 */
async function knownFault(request, expected, actual) {
  const reasons = new Set();
  const paths = differences(expected.data ?? null, actual.data ?? null);
  if (paths.length === 0 && expected.data && actual.data) {
    // Only errors differ. Both must report every error of the router.
    const told = (answer) => (answer.errors ?? []).map(({ path, extensions }) => ({ path: path ?? [], shown: withoutIndexes(errors({ errors: [{ path, extensions }] }))[0] }));
    const [wanted, got] = [told(expected), told(actual)];
    if (got.some(({ shown }) => !wanted.some((other) => other.shown === shown))) return undefined;
    const extra = wanted.filter(({ shown }) => !got.some((other) => other.shown === shown));
    if (extra.some(({ path }) => path.length === 0 || at(actual.data, path) !== undefined)) return undefined;
    return "it tells an error of a field that nobody asked for there: it has followed a path from one member of an interface into an object of another";
  }
  for (const path of paths) {
    const single = alone(request, path);
    for (const { reset } of worlds) reset();
    const [wanted, got] = await Promise.all([oracle(single).catch((error) => error), router(single)]);
    if (wanted instanceof Error) return undefined;
    const [value, own] = [at(wanted.data, path), at(got.data, path)];
    const consistent = isDeepStrictEqual(own, at(actual.data, path)) && isDeepStrictEqual(value, own);
    if (!consistent || isDeepStrictEqual(value, at(expected.data, path))) return undefined;
    reasons.add("asked for the field alone, it answers as the router does: beside other fields it has forgotten to fetch it");
  }
  return reasons.size > 0 ? [...reasons].join("; ") : undefined;
}

/** For manual review: both responses to the first differing field on its own. */
async function tellAlone(request, expected, actual) {
  const [path] = differences(expected.data ?? null, actual.data ?? null);
  if (path.length === 0) return;
  for (const { reset } of worlds) reset();
  const single = alone(request, path);
  const [wanted, got] = await Promise.all([oracle(single).catch((error) => error), router(single)]);
  const told = (answer) => JSON.stringify(at(answer.data, path));
  console.log(`asked for alone: ${told(wanted)} and ${told(got)}${told(got) === told(actual) ? "" : ": the router contradicts itself"}`);
}

const generator = new Generator(schema, Number(options.seed), { shadows: options.hard });
const count = Number(options.count);
const tally = { operations: 0, invalid: 0, "refused by the gateway": 0, "not planned by the router": 0, "with data": 0, "with errors": 0, "with indexes the gateway gets wrong": 0, "with conditions the gateway gets wrong": 0, "with known faults of the gateway": 0, differences: 0 };
const started = Date.now();
while (tally.operations < count && tally.differences < Number(options["keep-going"])) {
  const request = options.query ? { query: options.query, variables: JSON.parse(options.variables) } : generator.operation();
  if (validate(schema, parse(request.query)).length > 0) {
    tally.invalid++;
    continue;
  }
  tally.operations++;
  for (const { reset } of worlds) reset();
  const [expected, actual] = await Promise.all([oracle(request).catch((error) => error), router(request)]);
  // The gateway failed because of its own bug, so there is nothing to compare.
  if (expected instanceof Error) {
    tally["refused by the gateway"]++;
    continue;
  }
  // Operations the planner library cannot plan are counted separately, and as differences with `--strict`.
  if (actual.data === undefined && actual.errors[0].message === "The operation could not be planned.") {
    tally["not planned by the router"]++;
    if (!options.strict) continue;
  }
  if (expected.data) tally["with data"]++;
  if (expected.errors) tally["with errors"]++;
  const data = difference(expected.data ?? null, actual.data ?? null);
  const [wanted, got] = [errors(expected), errors(actual)];
  if (!isDeepStrictEqual(wanted, got)) tally["with indexes the gateway gets wrong"]++;
  const same = !data && isDeepStrictEqual(withoutIndexes(wanted), withoutIndexes(got));
  if (!same && /@(skip|include)/.test(request.query) && (await agreesDecided(request, actual))) {
    tally["with conditions the gateway gets wrong"]++;
    if (!options.query) continue;
  }
  const fault = same ? undefined : await knownFault(request, expected, actual);
  if (fault) {
    tally["with known faults of the gateway"]++;
    console.log(`--- ${tally.operations}: a fault of the gateway: ${fault}\n${request.query}\n${JSON.stringify(request.variables)}`);
    if (!options.query) continue;
  }
  if (!same || options.query) {
    tally.differences++;
    console.log(`--- ${tally.operations}\n${request.query}\n${JSON.stringify(request.variables)}`);
    if (data) {
      console.log(`data differs: ${data}`);
      await tellAlone(request, expected, actual);
    }
    for (const { message, path } of actual.errors ?? []) console.log(`the router says: ${message} at ${(path ?? []).join("/")}`);
    if (!isDeepStrictEqual(wanted, got)) {
      console.log(`only the gateway: ${wanted.filter((error) => !got.includes(error)).join(", ")}`);
      console.log(`only the router: ${got.filter((error) => !wanted.includes(error)).join(", ")}`);
    }
    if (options.query) {
      console.log(JSON.stringify({ expected, actual }, null, 1));
      break;
    }
  }
}
child.removeAllListeners("exit");
child.kill("SIGINT");
await gateway.stop();
rmSync(scratch, { recursive: true });
console.log(`${tally.differences} differences, ${tally["with known faults of the gateway"]} known gateway faults`);
console.log(`${JSON.stringify(tally)} in ${((Date.now() - started) / 1000).toFixed(1)} s, seed ${options.seed}`);
process.exit(tally.differences > 0 ? 1 : 0);
