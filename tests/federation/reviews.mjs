// Another team's subgraph, built with `@apollo/subgraph`: customers' reviews of the shop's products.
//
//   node reviews.mjs 4201 prd_… usr_…        the ids of products and customers

import { readFileSync } from "node:fs";

import { ApolloServer } from "@apollo/server";
import { startStandaloneServer } from "@apollo/server/standalone";
import { buildSubgraphSchema } from "@apollo/subgraph";
import { parse } from "graphql";

const [, , port, ...ids] = process.argv;
const of = (prefix) => ids.filter((id) => id.startsWith(prefix));
const customers = of("usr_");
const reviews = of("prd_").flatMap((product, index) =>
  Array.from({ length: index % 4 }, (_, number) => ({
    id: `review-${index}-${number}`,
    stars: 1 + ((index + number) % 5),
    text: `Number ${number} of product ${index}`,
    product: { id: product },
    author: { id: customers[(index + number) % customers.length] },
  })),
);

const resolvers = {
  Query: {
    latestReviews: (_, { first }) => reviews.slice(0, first),
  },
  Review: {
    __resolveReference: ({ id }) => reviews.find((review) => review.id === id) ?? null,
  },
  Product: {
    headline: ({ title }) => `What they say of ${title}`,
    reviews: ({ id }, { first }) => reviews.filter(({ product }) => product.id === id).slice(0, first),
  },
  Customer: {
    reviews: ({ id }) => reviews.filter(({ author }) => author.id === id),
  },
};

const typeDefs = parse(readFileSync(new URL("reviews.graphql", import.meta.url), "utf8"));
const server = new ApolloServer({ schema: buildSubgraphSchema({ typeDefs, resolvers }) });
const { url } = await startStandaloneServer(server, {
  listen: { host: "127.0.0.1", port: Number(port) },
});
console.log(`listening on ${url}`);
