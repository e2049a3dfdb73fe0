// Random operations over a schema, with fragments, conditions, variables and aliases wherever allowed.

import {
  getNamedType,
  isAbstractType,
  isCompositeType,
  isEnumType,
  isInputObjectType,
  isLeafType,
  isListType,
  isNonNullType,
  isRequiredArgument,
  parse,
  validate,
} from "graphql";

import { Random } from "./random.mjs";
import { Values } from "./values.mjs";

/** Fields whose values differ between requests. They get recognizable aliases. */
const VOLATILE = new Set([
  "ExchangeRate.asOf",
  "ExchangeRate.fetchedAt",
  "ProductSearchConnection.queryId",
  // Cursors of searches name the search.
  "PageInfo.endCursor",
  "PageInfo.startCursor",
  "ProductSearchEdge.cursor",
  "Order.trackingToken",
  "ReturnLabel.url",
  "ReturnLabel.expiresAt",
  "DevicePayload.deviceTokens",
  // A second registration changes nothing.
  "DevicePayload.topicChanges",
  "TopicChange.deviceTokens",
]);
export const VOLATILE_ALIAS = "volatile_";

/**
 * Types with fields in other subgraphs. A selection on one of their composite fields is never conditional as a
 * whole: Apollo Gateway then sends no fetch, and returns null for an object whose selections are all skipped.
 */
const JOINED = new Set([
  "Customer",
  "Mutation",
  "Order",
  "OrderItem",
  "Product",
  "Query",
  "Return",
  "Review",
  "Shipment",
]);

/** Idempotent mutations. */
const MUTATIONS = [
  "deviceRegister",
  "deviceUnregister",
  "notificationPreferencesUpdate",
  "returnCancel",
  "returnCreate",
  "searchEventRecord",
];

const MAX_DEPTH = 8;
const MAX_FIELDS = 30;

export class Operations {
  constructor(schema, shop, seed) {
    this.schema = schema;
    this.random = new Random(seed);
    this.values = new Values(this.random, shop, seed);
  }

  /** A valid operation, its variables and its caller. */
  next() {
    for (;;) {
      const operation = new Operation(this.schema, this.random, this.values).generate();
      if (validate(this.schema, parse(operation.query)).length === 0) {
        return operation;
      }
    }
  }
}

class Operation {
  constructor(schema, random, values) {
    this.schema = schema;
    this.random = random;
    this.values = values;
    this.definitions = [];
    this.variables = {};
    this.conditions = [];
    this.fragments = [];
    this.names = new Set();
    this.fields = 0;
    this.aliases = 0;
  }

  generate() {
    const { random } = this;
    const kind = random.chance(0.06) ? "mutation" : "query";
    const root = kind === "mutation" ? this.schema.getMutationType() : this.schema.getQueryType();
    const selection = this.selectionSet(root, 0);
    const definitions = this.definitions.length > 0 ? `(${this.definitions.join(", ")})` : "";
    const parts = [`${kind} Generated${definitions} ${selection}`];
    parts.push(...this.fragments.map((fragment) => fragment.text));
    const hasAnother = random.chance(0.05);
    if (hasAnother) {
      parts.push("query Another { __typename }");
    }
    return {
      kind,
      query: parts.join("\n"),
      operationName: hasAnother ? "Generated" : undefined,
      variables: this.variables,
      caller: this.caller(),
    };
  }

  caller() {
    const drawn = this.random.next();
    return drawn < 0.8 ? "customer" : drawn < 0.92 ? "anonymous" : "other";
  }

  selectionSet(type, depth, always = "") {
    const { random } = this;
    const items = [];
    const count = depth === 0 ? 1 + random.below(2) : 1 + random.below(4);
    for (let i = 0; i < count; i += 1) {
      items.push(this.selection(type, depth));
    }
    return `{ ${items.join(" ")}${always} }`;
  }

  selection(type, depth) {
    const { random } = this;
    if (this.fields >= MAX_FIELDS) {
      return "__typename";
    }
    const drawn = random.next();
    if (isAbstractType(type) && drawn < 0.7) {
      const possible = random.pick(this.schema.getPossibleTypes(type));
      return `... on ${possible.name}${this.directives()} ${this.selectionSet(possible, depth + 1)}`;
    }
    if (drawn < 0.1) {
      return `...${this.directives()} ${this.selectionSet(type, depth + 1)}`;
    }
    if (drawn < 0.16) {
      return `... on ${type.name}${this.directives()} ${this.selectionSet(type, depth + 1)}`;
    }
    if (drawn < 0.26) {
      return `...${this.fragment(type, depth)}${this.directives()}`;
    }
    if (drawn < 0.31 || !type.getFields) {
      const alias = random.chance(0.2) ? `${this.alias()}: ` : "";
      return `${alias}__typename${this.directives()}`;
    }
    return this.field(type, depth);
  }

  /** The name of an existing or new fragment on this type. */
  fragment(type, depth) {
    const known = this.fragments.filter((fragment) => fragment.type === type);
    if (known.length > 0 && this.random.chance(0.4)) {
      return this.random.pick(known).name;
    }
    const selection = this.selectionSet(type, depth + 1);
    const name = `F${this.fragments.length + 1}`;
    this.fragments.push({ type, name, text: `fragment ${name} on ${type.name} ${selection}` });
    return name;
  }

  field(type, depth) {
    const { random } = this;
    const all = Object.values(type.getFields()).filter((field) => {
      if (type === this.schema.getMutationType() && !MUTATIONS.includes(field.name)) {
        return false;
      }
      return depth < MAX_DEPTH || isLeafType(getNamedType(field.type));
    });
    if (all.length === 0) {
      return "__typename";
    }
    // Prefer fields that lead to other subgraphs.
    const composite = all.filter((field) => isCompositeType(getNamedType(field.type)));
    const field = random.pick(composite.length > 0 && random.chance(0.5) ? composite : all);
    this.fields += 1;
    const responseName = this.responseName(type, field, all);
    const named = getNamedType(field.type);
    const always = JOINED.has(type.name) ? " __typename" : "";
    const selection = isCompositeType(named) ? ` ${this.selectionSet(named, depth + 1, always)}` : "";
    return `${responseName}${this.arguments(field)}${this.directives()}${selection}`;
  }

  responseName(type, field, others) {
    const { random } = this;
    if (VOLATILE.has(`${type.name}.${field.name}`)) {
      this.aliases += 1;
      return `${VOLATILE_ALIAS}${this.aliases}: ${field.name}`;
    }
    // The same response key with other arguments would conflict.
    const isTaken = field.args.length > 0 && this.names.has(field.name);
    this.names.add(field.name);
    if (isTaken || random.chance(0.15)) {
      return `${this.alias()}: ${field.name}`;
    }
    // Apollo Gateway takes any field aliased `id` for the key.
    const names = others.map(({ name }) => name).filter((name) => name !== "id");
    if (random.chance(0.03) && names.length > 0) {
      return `${random.pick(names)}: ${field.name}`;
    }
    return field.name;
  }

  alias() {
    this.aliases += 1;
    return `a${this.aliases}`;
  }

  arguments(field) {
    const { random } = this;
    const given = [];
    for (const argument of field.args) {
      // The default page size is 20.
      const bounds = argument.name === "first";
      if (isRequiredArgument(argument) || random.chance(bounds ? 0.95 : 0.25)) {
        given.push(`${argument.name}: ${this.value(argument.type, argument.name, field.name)}`);
      }
    }
    return given.length > 0 ? `(${given.join(", ")})` : "";
  }

  /** A literal, or a variable, of this type. */
  value(type, name, field) {
    const { random } = this;
    const value =
      !isNonNullType(type) && random.chance(0.03) ? null : this.values.of(type, name, field);
    return random.chance(0.4) ? this.variable(type, value) : this.literal(type, value);
  }

  variable(type, value) {
    const { random } = this;
    const name = `v${this.definitions.length + 1}`;
    const drawn = random.next();
    if (drawn < 0.2 && value !== null) {
      // Uses its default.
      this.definitions.push(`$${name}: ${type} = ${this.literal(type, value, false)}`);
    } else {
      const hasUnusedDefault = drawn < 0.25 && value !== null;
      const suffix = hasUnusedDefault ? ` = ${this.literal(type, value, false)}` : "";
      this.definitions.push(`$${name}: ${type}${suffix}`);
      this.variables[name] = value;
    }
    return `$${name}`;
  }

  literal(type, value, mayHaveVariables = true) {
    if (value === null) {
      return "null";
    }
    if (isNonNullType(type)) {
      return this.literal(type.ofType, value, mayHaveVariables);
    }
    if (isListType(type)) {
      const items = value.map((item) => this.literal(type.ofType, item, mayHaveVariables));
      return `[${items.join(", ")}]`;
    }
    if (isInputObjectType(type)) {
      const fields = Object.entries(value).map(([name, inner]) => {
        const innerType = type.getFields()[name].type;
        const isVariable = mayHaveVariables && this.random.chance(0.25);
        const written = isVariable
          ? this.variable(innerType, inner)
          : this.literal(innerType, inner, mayHaveVariables);
        return `${name}: ${written}`;
      });
      return `{ ${fields.join(", ")} }`;
    }
    return isEnumType(type) ? value : JSON.stringify(value);
  }

  directives() {
    const { random } = this;
    const drawn = random.next();
    if (drawn < 0.8) {
      return "";
    }
    if (drawn < 0.88) {
      return ` @skip(if: ${this.condition(false)})`;
    }
    if (drawn < 0.97) {
      return ` @include(if: ${this.condition(true)})`;
    }
    return ` @include(if: ${this.condition(true)}) @skip(if: ${this.condition(false)})`;
  }

  /**
   * Literals never remove the selection, and a variable is used in only one of the two directives: Apollo Gateway returns null
   * for an object whose selections it finds to be empty without knowing the variables' values.
   */
  condition(literal) {
    const { random } = this;
    if (random.chance(0.1)) {
      return String(literal);
    }
    if (this.conditions.length < 4 && random.chance(0.6)) {
      const name = `c${this.definitions.length + 1}`;
      const [type, value] = random.pick([
        ["Boolean!", true],
        ["Boolean!", false],
        ["Boolean! = true", undefined],
        ["Boolean! = false", undefined],
        ["Boolean! = true", false],
        ["Boolean = true", undefined],
        ["Boolean = false", true],
      ]);
      this.definitions.push(`$${name}: ${type}`);
      if (value !== undefined) {
        this.variables[name] = value;
      }
      this.conditions.push({ name, literal });
    }
    const known = this.conditions.filter((condition) => condition.literal === literal);
    return known.length > 0 ? `$${random.pick(known).name}` : String(literal);
  }
}
