// How operations reach the endpoint: queries and mutations by POST, subscriptions by the transport that is chosen.

import { Kind, parse } from "graphql";
import { createClient as createSseClient } from "graphql-sse";
import { createClient as createWebSocketClient } from "graphql-ws";
import { meros } from "meros/browser";
import { endpoint, headers as requestHeaders } from "../shared/graph.js";

/** The transports of subscriptions, by the value that is stored. */
export const TRANSPORTS = {
  websocket: { name: "WebSocket", subscribe: overWebSocket },
  sse: { name: "SSE", subscribe: overEventStream },
  multipart: { name: "Multipart", subscribe: overMultipart },
};

const CHOICE = "subscription-transport";

export const transport = {
  get chosen() {
    const stored = localStorage.getItem(CHOICE);
    return stored in TRANSPORTS ? stored : "websocket";
  },
  set chosen(name) {
    localStorage.setItem(CHOICE, name);
  },
};

/** Sends what GraphiQL runs. The session's token goes with it, unless the headers editor has another. */
export function fetcher(request, { headers = {} } = {}) {
  const operation = operationOf(request);
  if (!operation) return post(request, headers);
  const named = { ...request, operationName: operation.name?.value };
  const { subscribe } = TRANSPORTS[transport.chosen];
  return operation.operation === "subscription" ? subscribe(named, headers) : reported(named, headers);
}

/** What the last answer took from the entity cache, by fetch; undefined if the router does not say. */
export const cacheReport = {
  last: undefined,
  listeners: new Set(),
  subscribe(listener) {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  },
  set(uses) {
    this.last = uses;
    for (const listener of this.listeners) listener(uses);
  },
};

/** The answer; its report on the entity cache goes to the panel instead. */
async function reported(request, headers) {
  const answer = await post(request, { ...headers, "x-vantage-cache-report": "true" });
  const { entityCache, ...extensions } = answer.extensions ?? {};
  cacheReport.set(entityCache);
  if (!entityCache) return answer;
  const { extensions: _, ...rest } = answer;
  return Object.keys(extensions).length ? { ...rest, extensions } : rest;
}

/** The operation to run; for a moment after a change of tabs, GraphiQL names that of the tab before. */
function operationOf({ query, operationName }) {
  let document;
  try {
    document = parse(query);
  } catch {
    // The answer says what is wrong.
    return null;
  }
  const operations = document.definitions.filter(({ kind }) => kind === Kind.OPERATION_DEFINITION);
  const named = operations.find(({ name }) => name?.value === operationName);
  return named ?? (operations.length === 1 ? operations[0] : null);
}

/** The plan of an operation, which is not run. */
export async function queryPlan(request, headers = {}) {
  const { errors, extensions } = await post(request, { ...headers, "x-vantage-query-plan": "dry-run" });
  if (extensions?.queryPlan) return extensions.queryPlan;
  throw new Error(errors?.[0]?.message ?? "This router does not show query plans: set router.expose_query_plan.");
}

const SINGLE = "application/graphql-response+json, application/json";

export async function post(request, headers = {}) {
  return (await send(request, headers, SINGLE)).json();
}

/** The headers of a request. Those of the headers editor replace the session's, however they are capitalized. */
function merged(headers, accept) {
  const all = new Headers(requestHeaders(accept));
  for (const [name, value] of Object.entries(headers)) all.set(name, value);
  return all;
}

function send(request, headers, accept, signal) {
  return fetch(endpoint, { method: "POST", headers: merged(headers, accept), body: JSON.stringify(request), signal });
}

/** The headers that say who is calling, for transports that set the others themselves. */
function credentials(headers) {
  const all = merged(headers, "");
  all.delete("accept");
  all.delete("content-type");
  return Object.fromEntries(all);
}

async function* overWebSocket(request, headers) {
  const url = new URL(endpoint);
  url.protocol = url.protocol.replace("http", "ws");
  const client = createWebSocketClient({
    url: url.href,
    // Browsers cannot set headers of a WebSocket.
    connectionParams: credentials(headers),
    retryAttempts: 0,
  });
  try {
    yield* client.iterate(request);
  } catch (error) {
    if (error instanceof CloseEvent) {
      throw new Error(`The WebSocket was closed: ${error.code} ${error.reason}`, { cause: error });
    }
    throw Array.isArray(error) ? new AggregateError(error, error.map(({ message }) => message).join("\n")) : error;
  } finally {
    client.dispose();
  }
}

async function* overEventStream(request, headers) {
  const client = createSseClient({ url: endpoint.href, headers: () => credentials(headers), retryAttempts: 0 });
  try {
    yield* client.iterate(request);
  } catch (error) {
    // A refusal is a GraphQL response in place of a stream.
    if (error.response?.headers.get("content-type")?.includes("json")) yield await error.response.json();
    else throw error;
  } finally {
    client.dispose();
  }
}

async function* overMultipart(request, headers) {
  const hangUp = new AbortController();
  try {
    const accept = `multipart/mixed;subscriptionSpec=1.0, ${SINGLE}`;
    const answer = await meros(await send(request, headers, accept, hangUp.signal));
    if (answer instanceof Response) {
      yield await answer.json();
      return;
    }
    for await (const { body } of answer) {
      // An empty part is a heartbeat; `errors` beside the payload ends the subscription.
      if (body.errors) yield { errors: body.errors };
      else if (body.payload) yield body.payload;
    }
  } finally {
    hangUp.abort();
  }
}
