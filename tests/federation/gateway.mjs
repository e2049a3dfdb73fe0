// Apollo Gateway in front of subgraphs that verify callers themselves; it forwards `authorization`.
//
//   node gateway.mjs supergraph.graphql 4100

import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

import { ApolloGateway, RemoteGraphQLDataSource } from "@apollo/gateway";
import { ApolloServer } from "@apollo/server";
import { startStandaloneServer } from "@apollo/server/standalone";

class ForwardingDataSource extends RemoteGraphQLDataSource {
  willSendRequest({ request, context }) {
    if (context.authorization) {
      request.http.headers.set("authorization", context.authorization);
    }
  }
}

/** A server over this supergraph, and its public schema. Each operation's context is `{ authorization }`. */
export function gatewayOver(supergraphSdl) {
  const gateway = new ApolloGateway({
    supergraphSdl,
    buildService: ({ url }) => new ForwardingDataSource({ url }),
  });
  let schema;
  gateway.onSchemaLoadOrUpdate((loaded) => {
    schema = loaded.apiSchema;
  });
  const server = new ApolloServer({ gateway, includeStacktraceInErrorResponses: false });
  return { server, apiSchema: () => schema };
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const [, , file, port] = process.argv;
  const { server } = gatewayOver(readFileSync(file, "utf8"));
  const { url } = await startStandaloneServer(server, {
    listen: { host: "127.0.0.1", port: Number(port) },
    context: async ({ req }) => ({ authorization: req.headers.authorization }),
  });
  console.log(`listening on ${url}`);
}
