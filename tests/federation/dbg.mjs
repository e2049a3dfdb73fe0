// Asks Vantage's subgraphs the same through Apollo Gateway and through its own router, and compares the answers: data, and
// errors by path and code. Our router's data must also be in the order in which graphql-js would have it; Apollo Gateway
// does not always keep the order of what several fragments select.

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
const SHOWN = 40;

const tokens = { customer: CUSTOMER_TOKEN, other: OTHER_TOKEN };

const { server, apiSchema } = gatewayOver(readFileSync(SUPERGRAPH, "utf8"));
await server.start();
// One that Apollo Server has not put resolvers into.
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

/** An answer for which every subgraph had the time: on a busy machine search gives up, which is not what is compared. */
async function answerOf(ask, operation) {
  for (;;) {
    const answer = await ask(operation);
    const isBusy = ({ extensions }) => extensions?.code === "SUBGRAPH_UNAVAILABLE";
    if (!answer.errors?.some(isBusy)) {
      return answer;
    }
  }
}

/** What is compared of an answer. */
function comparable({ data, errors = [] }) {
  const told = errors.map((error) => JSON.stringify([error.path ?? null, error.extensions?.code]));
  return { data: JSON.stringify(masked(data ?? null)), errors: new Set(told) };
}

/** Whether two answers with the same data have the same errors. Of those that leave no data one is enough. */
function haveSameErrors(one, other) {
  const all = new Set([...one.errors, ...other.errors]).size;
  return one.data === "null"
    ? all === Math.max(one.errors.size, other.errors.size)
    : all === one.errors.size && all === other.errors.size;
}

/** Whether graphql-js, given these values, would answer the same in the same order. */
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
  // What it cannot say is the type of an object of an abstract type that was not asked for it.
  return result.errors !== undefined || JSON.stringify(result.data) === JSON.stringify(data);
}

/** In one order, and without values that are others each time. */
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

/** All of them, some at a time. */
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
// What one changes the next may read.
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
