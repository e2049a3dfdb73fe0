// The official clients, of the current revision and of the one before, use the shop's tools.

import assert from "node:assert/strict";
import { test } from "node:test";

import * as current from "@modelcontextprotocol/client";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";

/** @param {string} name */
function variable(name) {
  const value = process.env[name];
  assert(value, `${name} must be set: run tests/mcp/run.sh`);
  return value;
}

const url = new URL(variable("MCP_URL"));
const token = variable("TOKEN");
const order = variable("ORDER");

/** A client, by the revision that it speaks. */
const revisions = {
  "2026-07-28": {
    client: () => new current.Client({ name: "tests", version: "1.0.0" }, { versionNegotiation: { mode: "auto" } }),
    Transport: current.StreamableHTTPClientTransport,
  },
  "2025-11-25": {
    client: () => new Client({ name: "tests", version: "1.0.0" }),
    Transport: StreamableHTTPClientTransport,
  },
};

for (const [revision, { client: create, Transport }] of Object.entries(revisions)) {
  const name = `the client of ${revision}`;

  /** @param {Record<string, string>} headers */
  const connect = async (headers) => {
    const client = create();
    const transport = new Transport(url, { requestInit: { headers } });
    await client.connect(transport);
    assert.equal(client.getNegotiatedProtocolVersion?.() ?? transport.protocolVersion, revision);
    return client;
  };

  test(`${name} lists the tools and calls one, whose result has the promised form`, async () => {
    const client = await connect({});
    const { tools } = await client.listTools();
    assert.equal(tools.length, 15);
    const find = tools.find((tool) => tool.name === "FindProducts");
    assert.deepEqual(find?.inputSchema.required, ["query"]);
    assert.equal(find?.annotations?.readOnlyHint, true);
    // The client checks the result against the tool's output schema.
    const found = await client.callTool({ name: "FindProducts", arguments: { query: "headphones", first: 2 } });
    assert.equal(found.isError ?? false, false);
    assert.equal(found.structuredContent.productSearch.nodes.length, 2);
    assert.deepEqual(JSON.parse(found.content[0].text), found.structuredContent);
    await client.close();
  });

  test(`${name} learns what is wrong with a call`, async () => {
    const client = await connect({});
    await client.listTools();
    const wrong = await client.callTool({ name: "ConvertPrice", arguments: { amountUsd: "1", to: "XXX" } });
    assert.equal(wrong.isError, true);
    assert.match(wrong.content[0].text, /BAD_USER_INPUT/);
    await assert.rejects(client.callTool({ name: "Nothing", arguments: {} }), /there is no tool `Nothing`/);
    await client.close();
  });

  test(`${name} has to sign in for a customer's own orders`, async () => {
    const visitor = await connect({});
    await visitor.listTools();
    await assert.rejects(visitor.callTool({ name: "OrderDetails", arguments: { id: order } }));
    await visitor.close();
    const customer = await connect({ authorization: `Bearer ${token}` });
    await customer.listTools();
    const details = await customer.callTool({ name: "OrderDetails", arguments: { id: order } });
    assert.equal(details.structuredContent.order.id, order);
    const tracked = await customer.callTool({ name: "TrackOrder", arguments: { id: order } });
    assert.ok(tracked.structuredContent.order.shipments.length > 0);
    await customer.close();
  });
}
