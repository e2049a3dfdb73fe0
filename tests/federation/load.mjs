// Loads a supergraph as others do: graphql-js builds its schema, and Apollo Gateway plans over it.
//
//   node load.mjs supergraph.graphql

import { readFileSync } from "node:fs";

import { buildSchema, validateSchema } from "graphql";

import { gatewayOver } from "./gateway.mjs";

const sdl = readFileSync(process.argv[2], "utf8");
const errors = validateSchema(buildSchema(sdl));
if (errors.length > 0) {
  throw new AggregateError(errors, "graphql-js refuses the supergraph");
}
const { server, apiSchema } = gatewayOver(sdl);
await server.start();
const fields = Object.keys(apiSchema().getQueryType().getFields());
await server.stop();
if (fields.length === 0) {
  throw new Error("Apollo Gateway finds no field in it");
}
console.log(`${fields.length} fields of Query`);
