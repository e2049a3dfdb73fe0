// Composes the odd sets of subgraphs in tests/composition/sets with Apollo's composition and writes its verdicts beside
// them: `node composition.mjs`. `node composition.mjs DIRECTORY COUNT SEED` makes a directory of the same form from random
// mutations of the sets, which tests/composition reads by the variable COMPOSITION_SETS.
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { composeServices } from "@apollo/composition";
import { parse } from "graphql";
import { mutate, random } from "./mutate.mjs";

const directory = new URL("../tests/composition/", import.meta.url);
const header = readFileSync(new URL("header.graphql", directory), "utf8");

/** The sets of a file, by name: `== NAME` starts a set, `-- NAME [raw]` a subgraph, which raw has no header. */
function read(text) {
  const sets = {};
  for (const set of text.split(/^== /m).slice(1)) {
    const name = set.slice(0, set.indexOf("\n"));
    sets[name] = set.split(/^-- /m).slice(1).map((subgraph) => {
      const end = subgraph.indexOf("\n");
      const [subgraphName, raw] = subgraph.slice(0, end).split(" ");
      return { name: subgraphName, raw, sdl: subgraph.slice(end + 1) };
    });
  }
  return sets;
}

/** Apollo's error codes; none if it accepts the set. */
function verdict(subgraphs) {
  try {
    const services = subgraphs.map(({ name, raw, sdl }) => {
      return { name, url: `http://${name}.test`, typeDefs: parse(raw ? sdl : header + sdl) };
    });
    const { errors = [] } = composeServices(services);
    return [...new Set(errors.map((error) => error.extensions?.code ?? "INVALID_GRAPHQL"))].sort();
  } catch (error) {
    return [error.extensions?.code ?? (error.name === "GraphQLError" ? "INVALID_GRAPHQL" : "CRASH")];
  }
}

const files = readdirSync(new URL("sets/", directory)).filter((file) => file.endsWith(".sets")).sort();
const sets = Object.assign({}, ...files.map((file) => read(readFileSync(new URL(`sets/${file}`, directory), "utf8"))));

function write(directory, sets) {
  const verdicts = Object.entries(sets).map(([name, subgraphs]) => [name, verdict(subgraphs)]);
  const lines = verdicts.map(([name, codes]) => `  ${JSON.stringify(name)}: ${JSON.stringify(codes)}`);
  writeFileSync(new URL("expected.json", directory), `{\n${lines.join(",\n")}\n}\n`);
  console.log(`${lines.length} sets, ${verdicts.filter(([, codes]) => codes.length).length} of them refused`);
}

function print(sets) {
  const subgraph = ({ name, raw, sdl }) => `-- ${name}${raw ? " raw" : ""}\n${sdl}`;
  return Object.entries(sets).map(([name, subgraphs]) => `== ${name}\n${subgraphs.map(subgraph).join("")}`).join("");
}

const [target, count, seed] = process.argv.slice(2);
if (target) {
  const output = pathToFileURL(`${target}/`);
  const mutants = {};
  for (let index = 0; index < Number(count); index += 1) {
    mutants[`mutant/${Number(seed) + index}`] = mutate(Object.values(sets), random(Number(seed) + index));
  }
  mkdirSync(new URL("sets/", output), { recursive: true });
  writeFileSync(new URL("header.graphql", output), header);
  writeFileSync(new URL("sets/mutants.sets", output), print(mutants));
  write(output, mutants);
} else {
  write(directory, sets);
}
