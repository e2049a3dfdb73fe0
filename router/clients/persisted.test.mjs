// Persisted documents: automatic persisted queries with Apollo Client and urql, and
// registered operations with Apollo Client, urql, Relay and graphql-ws. The manifests in operations/ were written by the
// clients' tools; acme may run only these operations.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { ApolloClient, HttpLink, InMemoryCache, gql } from "@apollo/client";
import { PersistedQueryLink } from "@apollo/client/link/persisted-queries";
import { generatePersistedQueryIdsFromManifest } from "@apollo/persisted-query-lists";
import { Client, fetchExchange } from "@urql/core";
import { persistedExchange } from "@urql/exchange-persisted";
import { createClient } from "graphql-ws";
import Relay from "relay-runtime";
import WebSocket from "ws";
import { socketUrl, url } from "./edge.mjs";
import relayCount from "./operations/relay/artifacts/relayCountSubscription.graphql.js";
import relayDouble from "./operations/relay/artifacts/relayDoubleMutation.graphql.js";
import relayHello from "./operations/relay/artifacts/relayHelloQuery.graphql.js";

const ACME = { "x-api-key": "a key for the tests of real clients" };
const manifest = async (name) =>
  JSON.parse(await readFile(new URL(`operations/manifests/${name}.json`, import.meta.url), "utf8"));

const sha256 = (text) => createHash("sha256").update(text).digest("hex");

/** `fetch`, and a record of its requests: method, and whether a document was sent. */
const recorder = () => {
  const sent = [];
  const recording = (input, init = {}) => {
    const method = init.method ?? "GET";
    const query = new URL(input).searchParams.get("query");
    const hasDocument = method === "GET" ? query !== null : "query" in JSON.parse(init.body);
    sent.push(`${method} ${hasDocument ? "document" : "id"}`);
    return fetch(input, init);
  };
  return { sent, recording };
};

/** A unique query for each test. */
let tests = 0;
const fresh = () => `query Fresh${process.pid}_${++tests} { hello }`;

const apollo = (t, options, http = {}) => {
  const link = new PersistedQueryLink(options).concat(new HttpLink({ uri: url, ...http }));
  const client = new ApolloClient({ link, cache: new InMemoryCache() });
  t.after(() => client.stop());
  return client;
};

for (const [name, get, method] of [
  ["POST", false, "POST"],
  ["GET", true, "GET"],
]) {
  test(`Apollo Client sends a document once, and then its hash by ${name}`, async (t) => {
    const { sent, recording } = recorder();
    const options = { sha256, useGETForHashedQueries: get };
    const query = gql(fresh());
    for (let round = 0; round < 2; round++) {
      const client = apollo(t, options, { fetch: recording });
      assert.equal((await client.query({ query })).data.hello, "hello you");
    }
    const [refused, registered, known] = sent;
    assert.equal(refused, `${method} id`);
    assert.match(registered, /document$/);
    assert.equal(known, `${method} id`);
    assert.equal(sent.length, 3);
  });
}

test("Apollo Client runs the operations of its manifest by their ids", async (t) => {
  const { sent, recording } = recorder();
  const options = generatePersistedQueryIdsFromManifest({ loadManifest: () => manifest("apollo") });
  const client = apollo(t, options, { fetch: recording, headers: ACME });
  const { data } = await client.query({
    query: gql`
      query ApolloHello($name: String) {
        ...Greeting
        shop
      }
      fragment Greeting on Query {
        hello(name: $name)
      }
    `,
    variables: { name: "Ada" },
  });
  assert.deepEqual([data.hello, data.shop], ["hello Ada", "open"]);
  const mutation = gql`
    mutation ApolloDouble($number: Int!) {
      double(number: $number)
    }
  `;
  const doubled = await client.mutate({ mutation, variables: { number: 21 } });
  assert.equal(doubled.data.double, 42);
  assert.deepEqual(sent, ["POST id", "POST id"]);
});

test("Apollo Client is refused a document that is not in its manifest", async (t) => {
  const { sent, recording } = recorder();
  const client = apollo(t, { sha256 }, { fetch: recording, headers: ACME });
  const { error } = await client.query({ query: gql(fresh()), errorPolicy: "all" });
  assert.equal(error.errors[0].extensions.code, "QUERY_NOT_IN_SAFELIST");
  assert.deepEqual(sent, ["POST id", "POST document"]);
});

test("a name that needs proof is refused without it", async (t) => {
  const clientAwareness = { name: "acme", version: "1" };
  const link = new HttpLink({ uri: url });
  const client = new ApolloClient({ link, cache: new InMemoryCache(), clientAwareness });
  t.after(() => client.stop());
  await assert.rejects(client.query({ query: gql("{ hello }") }), (error) =>
    JSON.stringify([error.errors, error.bodyText]).includes("UNAUTHENTICATED"),
  );
});

const urql = (persisted, options = {}) =>
  new Client({ url, exchanges: [persistedExchange(persisted), fetchExchange], ...options });

// GETs need a CSRF header.
const preflight = { "apollo-require-preflight": "true" };

for (const [method, get] of [
  ["POST", false],
  ["GET", "force"],
]) {
  test(`urql sends a document once, and then its hash by ${method}`, async () => {
    const { sent, recording } = recorder();
    const query = fresh();
    for (let round = 0; round < 2; round++) {
      const client = urql(
        { preferGetForPersistedQueries: get },
        { fetch: recording, fetchOptions: { headers: preflight } },
      );
      const { data, error } = await client.query(query, {}).toPromise();
      assert.equal(error, undefined);
      assert.equal(data.hello, "hello you");
    }
    assert.deepEqual(sent, [`${method} id`, `${method} document`, `${method} id`]);
  });

  test(`urql runs registered operations by ${method} and nothing else`, async () => {
    const { sent, recording } = recorder();
    const documents = Object.entries(await manifest("codegen"));
    const [id, hello] = documents.find(([, document]) => document.includes("CodegenHello"));
    const isHello = ({ definitions }) => definitions[0].name.value === "CodegenHello";
    const client = urql(
      {
        preferGetForPersistedQueries: get,
        enforcePersistedQueries: true,
        // As in the generated documents' `__meta__`.
        generateHash: async (printed, document) => (isHello(document) ? id : sha256(printed)),
      },
      { fetch: recording, fetchOptions: { headers: ACME } },
    );
    const { data } = await client.query(hello, { name: "Ada" }).toPromise();
    assert.equal(data.hello, "hello Ada");
    const { error } = await client.query(fresh(), {}).toPromise();
    assert.equal(error.graphQLErrors[0].extensions.code, "PERSISTED_QUERY_NOT_FOUND");
    assert.deepEqual(sent, [`${method} id`, `${method} id`]);
  });
}

test("urql is refused a document that is not registered", async () => {
  const client = new Client({ url, exchanges: [fetchExchange], preferGetMethod: false, fetchOptions: { headers: ACME } });
  const { error } = await client.query(fresh(), {}).toPromise();
  assert.equal(error.graphQLErrors[0].extensions.code, "QUERY_NOT_IN_SAFELIST");
});

/** A Relay environment whose network layer sends ids, as in Relay's documentation. */
const relay = (member, headers = ACME) => {
  const network = Relay.Network.create(async (request, variables) => {
    const response = await fetch(url, {
      method: "POST",
      headers: { "content-type": "application/json", ...headers },
      body: JSON.stringify({ [member]: request.id, variables }),
    });
    return response.json();
  });
  return new Relay.Environment({ network, store: new Relay.Store(new Relay.RecordSource()) });
};

for (const member of ["doc_id", "id", "documentId"]) {
  test(`Relay runs its persisted operations by \`${member}\``, async () => {
    const environment = relay(member);
    const data = await Relay.fetchQuery(environment, relayHello, { name: "Ada" }).toPromise();
    assert.equal(data.hello, "hello Ada");
    const doubled = await new Promise((onCompleted, onError) => {
      Relay.commitMutation(environment, { mutation: relayDouble, variables: { number: 21 }, onCompleted, onError });
    });
    assert.equal(doubled.double, 42);
  });
}

test("Relay is refused an operation that is not registered", async () => {
  const params = { ...relayHello.params, id: "0".repeat(32) };
  const unknown = { ...relayHello, params };
  const answer = Relay.fetchQuery(relay("doc_id"), unknown, {}).toPromise();
  await assert.rejects(answer, (error) => JSON.stringify(error.source ?? error).includes("PERSISTED_QUERY_NOT_FOUND"));
});

const socket = (t) => {
  const connectionParams = ACME;
  const client = createClient({ url: socketUrl, webSocketImpl: WebSocket, retryAttempts: 0, connectionParams });
  t.after(() => client.dispose());
  return client;
};

for (const [name, payload] of [
  ["Relay's id", { query: "", doc_id: relayCount.params.id }],
  ["Apollo's extension", { query: "", extensions: { persistedQuery: { version: 1, sha256Hash: relayCount.params.id } } }],
]) {
  test(`a registered subscription runs over WebSocket by ${name}`, async (t) => {
    const numbers = [];
    for await (const { data } of socket(t).iterate(payload)) {
      numbers.push(data.count.number);
    }
    assert.deepEqual(numbers, [1, 2]);
  });
}

test("an unregistered subscription is refused over WebSocket", async (t) => {
  const stream = socket(t).iterate({ query: "subscription { count(to: 1) { number } }" });
  await assert.rejects(stream.next(), (errors) => errors[0].extensions.code === "QUERY_NOT_IN_SAFELIST");
});
