// Sends the same operations to Vantage's subgraphs through Apollo Gateway and its own router, and compares responses: data, and
// errors by path and code. Our router's data must also have the key order of graphql-js; Apollo Gateway
// does not always keep the order of fields selected by several fragments.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";

import { buildSchema, executeSync, parse, printSchema } from "graphql";

import { gatewayOver } from "./gateway.mjs";
import { Operations, VOLATILE_ALIAS } from "./operations.mjs";
import { readShop } from "./shop.mjs";

const { ROUTER_URL, SUPERGRAPH, CUSTOMER_TOKEN, OTHER_TOKEN } = process.env;
assert(ROUTER_URL, "ROUTER_URL must name the router: run tests/federation/run.sh");
const count = Number(process.env.FEDERATION_COUNT ?? 1000);
const seed = Number(process.env.FEDERATION_SEED ?? 1);
const only = process.env.FEDERATION_ONLY;
const CONCURRENCY = 4;
const SHOWN = 5;

const tokens = { customer: CUSTOMER_TOKEN, other: OTHER_TOKEN };

const { server, apiSchema } = gatewayOver(readFileSync(SUPERGRAPH, "utf8"));
await server.start();
// A copy without Apollo Server's resolvers.
const schema = buildSchema(printSchema(apiSchema()));

async function throughRouter({ query, variables, operationName, caller }) {
  const headers = { "content-type": "application/json" };
  if (tokens[caller]) {
    headers.authorization = `Bearer ${tokens[caller]}`;
  }
  const body = JSON.stringify({ query, variables, operationName });
  const response = await fetch(ROUTER_URL, { method: "POST", headers, body });
  return response.json();
}

async function throughGateway({ query, variables, operationName, caller }) {
  const authorization = tokens[caller] && `Bearer ${tokens[caller]}`;
  const { body } = await server.executeOperation(
    { query, variables, operationName },
    { contextValue: { authorization } },
  );
  assert.equal(body.kind, "single");
  return JSON.parse(JSON.stringify(body.singleResult));
}

/** A response without timeouts, which search hits on a busy machine and which are not under test. */
async function answerOf(ask, operation) {
  let answer;
  for (let attempt = 0; attempt < 5; attempt += 1) {
    answer = await ask(operation);
    if (!answer.errors?.some(({ extensions }) => extensions?.code === "SUBGRAPH_UNAVAILABLE")) {
      break;
    }
  }
  return answer;
}

/** The compared part of a response. Apollo Gateway reports a null in a non-null position only if there are no other errors. */
function comparable({ data, errors = [], extensions }) {
  const isNull = ({ message }) => message.startsWith("Cannot return null for non-nullable field");
  const others = errors.filter((error) => !isNull(error));
  const told = others.map((error) => JSON.stringify([error.path ?? null, error.extensions?.code]));
  return {
    data: JSON.stringify(masked(data ?? null)),
    errors: new Set(told),
    hasNull: others.length < errors.length || extensions?.valueCompletion?.some(isNull) === true,
  };
}

/** Whether two responses with equal data have equal errors. If there is no data, one common error is enough. */
function haveSameErrors(ours, theirs) {
  const all = new Set([...ours.errors, ...theirs.errors]).size;
  if (ours.data === "null") {
    return all === Math.max(ours.errors.size, theirs.errors.size);
  }
  const isReported = theirs.hasNull || theirs.errors.size > 0 || !ours.hasNull;
  return isReported && all === ours.errors.size && all === theirs.errors.size;
}

/** Whether graphql-js would return the same data, in the same order, for these values. */
function isInOrder({ query, variables, operationName }, data) {
  const result = executeSync({
    schema,
    document: parse(query),
    operationName,
    variableValues: variables,
    rootValue: data,
    fieldResolver: (source, _arguments, _context, info) => source[info.path.key],
    typeResolver: (value) => value.__typename,
  });
  // It cannot resolve the type of an abstract type's object without `__typename`.
  return result.errors !== undefined || JSON.stringify(result.data) === JSON.stringify(data);
}

/** With sorted keys, and without values that differ each time. */
function masked(value) {
  if (Array.isArray(value)) {
    return value.map(masked);
  }
  if (value === null || typeof value !== "object") {
    return value;
  }
  const names = Object.keys(value).sort();
  const fields = names.map((name) => [name, value[name]]).map(([name, inner]) => [
    name,
    name.startsWith(VOLATILE_ALIAS) && inner !== null ? "volatile" : masked(inner),
  ]);
  return Object.fromEntries(fields);
}

const shop = await readShop(throughRouter);
const operations = new Operations(schema, shop, seed);
const generated = Array.from({ length: count }, (_, index) => ({ index, ...operations.next() }));

const differences = [];
const seen = { errors: 0, empty: 0, codes: {} };
const started = Date.now();

async function compare(operation) {
  const ours = await answerOf(throughRouter, operation);
  const theirs = await answerOf(throughGateway, operation);
  const [one, other] = [comparable(ours), comparable(theirs)];
  seen.errors += one.errors.size > 0 ? 1 : 0;
  seen.empty += one.data.includes("{}") ? 1 : 0;
  for (const error of ours.errors ?? []) {
    const code = error.extensions?.code;
    seen.codes[code] = (seen.codes[code] ?? 0) + 1;
  }
  const difference =
    one.data !== other.data
      ? "data"
      : !haveSameErrors(one, other)
        ? "errors"
        : ours.data && !isInOrder(operation, ours.data)
          ? "order"
          : undefined;
  if (difference) {
    differences.push({ operation, ours, theirs, difference });
  }
}

/** Runs all of them with limited concurrency. */
async function compareAll(pending, concurrency) {
  const queue = pending[Symbol.iterator]();
  const worker = async () => {
    for (const operation of queue) {
      await compare(operation);
    }
  };
  await Promise.all(Array.from({ length: concurrency }, worker));
}

const wanted = generated.filter(({ index }) => only === undefined || index === Number(only));
const isQuery = ({ kind }) => kind === "query";
await compareAll(wanted.filter(isQuery), CONCURRENCY);
// Serial, since a later operation may read an earlier one's changes.
await compareAll(wanted.filter((operation) => !isQuery(operation)), 1);
await server.stop();

differences.sort((one, other) => one.operation.index - other.operation.index);
for (const { operation, ours, theirs, difference } of differences.slice(0, SHOWN)) {
  console.log(`\n--- operation ${operation.index} of seed ${seed}, as ${operation.caller}: ${difference}`);
  console.log(operation.query);
  console.log("variables:", JSON.stringify(operation.variables));
  console.log("router: ", JSON.stringify(ours));
  console.log("gateway:", JSON.stringify(theirs));
}
const kinds = ["data", "errors", "order"].map((kind) => {
  const found = differences.filter(({ difference }) => difference === kind);
  return `${found.length} in ${kind}`;
});
console.log(
  `${wanted.length} operations of seed ${seed} in ${Math.round((Date.now() - started) / 1000)} s: ` +
    `differences: ${kinds.join(", ")}; ` +
    `${seen.errors} with errors ${JSON.stringify(seen.codes)}, ${seen.empty} with empty objects`,
);
process.exit(differences.length === 0 ? 0 : 1);
