// What the pages ask the graph. Operations are written in operations.js and order_operations.js; the tests validate them against
// schema/api.graphql, and `request` in graph.js sends nothing else.

const written = new WeakSet();

/** An operation or a fragment; `${FRAGMENT}` stands for that fragment's text. */
export function graphql(strings, ...fragments) {
  const text = strings.reduce((text, part, index) => text + fragments[index - 1].query + part);
  const operation = Object.freeze({ query: text.trim() });
  written.add(operation);
  return operation;
}

/** The body of a request. */
export function body(operation, variables = {}) {
  if (!written.has(operation)) throw new TypeError("operations are written in operations.js and order_operations.js");
  return { query: operation.query, variables };
}
