// Writes `router/tests/suite/fixtures/`: supergraphs composed by Apollo, one for each version of
// the join specification. Run `node fixtures.mjs` after a change here.
import { writeFileSync } from "node:fs";
import { compose } from "./compose.mjs";

const link = (version, ...names) => `extend schema @link(url: "https://specs.apollo.dev/federation/v${version}", import: ${JSON.stringify(names)})\n`;

const graphs = {
  "join-v0.3": {
    library: `${link("2.3", "@key", "@shareable", "@inaccessible")}
      type Query { works: [Work] found: Found shared: Int @shareable }
      interface Work @key(fields: "id") { id: ID! title: String }
      type Book implements Work @key(fields: "id") { id: ID! title: String pages: Int secret: String @inaccessible }
      type Film implements Work @key(fields: "id") { id: ID! title: String }
      union Found = Book | Person
      type Person @key(fields: "name") { name: String }`,
    ratings: `${link("2.3", "@key", "@external", "@requires", "@interfaceObject", "@shareable")}
      type Query { best: Work shared: Int @shareable }
      type Work @interfaceObject @key(fields: "id") { id: ID! title: String @external stars: Int headline: String @requires(fields: "title") }`,
    people: `${link("2.3", "@key")}
      type Query { p: Int }
      type Person @key(fields: "name") { name: String age: Int reads: [Book] }
      type Book @key(fields: "id", resolvable: false) { id: ID! }`,
  },
  "join-v0.4": {
    old: `${link("2.7", "@key")}
      type Query { item: Item }
      type Item @key(fields: "id") { id: ID! always: String never: String half: String labelled: String }`,
    new: `${link("2.7", "@key", "@override")}
      type Query { n: Int }
      type Item @key(fields: "id") {
        id: ID!
        always: String @override(from: "old", label: "percent(100)")
        never: String @override(from: "old", label: "percent(0)")
        half: String @override(from: "old", label: "percent(50)")
        labelled: String @override(from: "old", label: "moved")
      }`,
  },
  "join-v0.5": {
    shop: `${link("2.9", "@key", "@provides", "@external", "@cost")}
      type Query { cart: Cart }
      type Mutation { add(id: ID!, colour: Colour = RED): Cart }
      type Cart { lines: [[Line!]] total: Int @cost(weight: 5) }
      type Line { product: Product @provides(fields: "name") count: Int! }
      type Product @key(fields: "id") { id: ID! name: String @external }
      enum Colour { RED BLUE }`,
    products: `${link("2.9", "@key", "@shareable", "@listSize", "@tag")}
      type Query { products(first: Int = 2): [Product!] @listSize(slicingArguments: ["first"]) }
      type Mutation { rename(id: ID!, name: String): Product }
      interface Named { name: String @tag(name: "public") }
      type Product implements Named @key(fields: "id") @key(fields: "sku { code }") { id: ID! name: String @shareable sku: Sku price: Int }
      type Sku { code: String! @shareable }`,
    stock: `${link("2.9", "@key", "@shareable")}
      type Query { s: Int }
      type Product @key(fields: "sku { code }") { sku: Sku left: Int }
      type Sku { code: String! @shareable }`,
  },
};

for (const [name, graph] of Object.entries(graphs)) {
  const subgraphs = Object.entries(graph).map(([name, sdl]) => ({ name, sdl, url: `http://${name}.test/graphql` }));
  writeFileSync(new URL(`../tests/suite/fixtures/${name}.graphql`, import.meta.url), compose(subgraphs));
}
