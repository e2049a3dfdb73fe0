// Serves the subgraphs of this directory over HTTP, each on a free port, for as long as the process lives.
import { createServer } from "node:http";
import { buildSubgraphSchema } from "@apollo/subgraph";
import { execute, parse } from "graphql";
import { resolvers } from "./data.mjs";
import { schemas } from "./compose.mjs";

/** The subgraphs over a world of their own: `{ name, sdl, url }` each. */
export function serve() {
  const own = resolvers();
  return Promise.all(
    Object.entries(schemas()).map(async ([name, sdl]) => {
      const schema = buildSubgraphSchema({ typeDefs: parse(sdl), resolvers: own[name] });
      const server = createServer(async (request, response) => {
        let body = "";
        for await (const chunk of request) body += chunk;
        const { query, variables, operationName } = JSON.parse(body);
        if (process.env.TRACE) console.error(name, query, JSON.stringify(variables));
        const answer = await execute({ schema, document: parse(query), variableValues: variables, operationName, rootValue: {} });
        response.setHeader("content-type", "application/json");
        response.end(JSON.stringify(answer));
      });
      await new Promise((done) => server.listen(0, "127.0.0.1", done));
      server.unref();
      return { name, sdl, url: `http://127.0.0.1:${server.address().port}/graphql` };
    }),
  );
}
