// Serves the subgraphs of this directory over HTTP, each on a free port, until the process exits.
import { createServer } from "node:http";
import { buildSubgraphSchema } from "@apollo/subgraph";
import { execute, parse } from "graphql";
import { world } from "./data.mjs";
import { schemas } from "./compose.mjs";

async function answerTo({ query, ...request }) {
  try {
    return await execute({ document: parse(query), rootValue: {}, ...request });
  } catch ({ message }) {
    console.error(`a subgraph got ${query}: ${message}`);
    return { errors: [{ message }] };
  }
}

/** The subgraphs over a separate world: `subgraphs`, `{ name, sdl, url }` each, and `reset()` for the world. */
export async function serve(options) {
  const { resolvers, reset } = world();
  const subgraphs = await Promise.all(
    Object.entries(schemas(options)).map(async ([name, sdl]) => {
      // A reference that fails synchronously would fail the whole batch.
      for (const type of Object.values(resolvers[name])) {
        const resolve = type.__resolveReference;
        if (resolve) type.__resolveReference = async (reference) => resolve(reference);
      }
      const schema = buildSubgraphSchema({ typeDefs: parse(sdl), resolvers: resolvers[name] });
      const server = createServer(async (request, response) => {
        let body = "";
        for await (const chunk of request) body += chunk;
        const { query, variables, operationName } = JSON.parse(body);
        if (process.env.TRACE) console.error(name, query, JSON.stringify(variables));
        const answer = await answerTo({ schema, query, variableValues: variables, operationName });
        response.setHeader("content-type", "application/json");
        response.end(JSON.stringify(answer));
      });
      server.keepAliveTimeout = 600_000;
      await new Promise((done) => server.listen(0, "127.0.0.1", done));
      server.unref();
      return { name, sdl, url: `http://127.0.0.1:${server.address().port}/graphql` };
    }),
  );
  return { subgraphs, reset };
}
