// Composes subgraphs with Apollo's composition: `node compose.mjs OUT NAME=FILE@URL…` or, without arguments,
// the fixed graph of this directory.
import { readFileSync, readdirSync } from "node:fs";
import { composeServices } from "@apollo/composition";
import { parse } from "graphql";

/** The supergraph SDL of `{ name, url, sdl }`s. Throws with all composition errors. */
export function compose(subgraphs) {
  const services = subgraphs.map(({ name, url, sdl }) => ({ name, url, typeDefs: parse(sdl) }));
  const { errors, supergraphSdl } = composeServices(services);
  if (errors) throw new Error(errors.map((error) => error.message).join("\n"));
  return supergraphSdl;
}

/** The SDL of each subgraph of this directory, by name; the one with an interface object is optional. */
export function schemas({ interfaceObjects = false } = {}) {
  const directory = new URL("subgraphs/", import.meta.url);
  return Object.fromEntries(
    readdirSync(directory)
      .filter((file) => file.endsWith(".graphql") && (interfaceObjects || file !== "ratings.graphql"))
      .sort()
      .map((file) => [file.replace(".graphql", ""), readFileSync(new URL(file, directory), "utf8")]),
  );
}

if (process.argv[1] === new URL(import.meta.url).pathname) {
  const subgraphs = Object.entries(schemas()).map(([name, sdl]) => ({ name, sdl, url: `http://${name}.test/graphql` }));
  console.log(compose(subgraphs));
}
