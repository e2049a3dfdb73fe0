// Random operations against validation.graphql, and whether graphql-js finds them valid, as JSON lines:
//   {"text": …, "error": null}   or   {"text": …, "error": "what the first error says"}
//
//   node validation.mjs [--count 2000] [--seed 1]

import { readFileSync } from "node:fs";
import { buildSchema, isInputObjectType, isInterfaceType, isObjectType, isUnionType, parse, validate } from "graphql";
import { below, chance, options, pick } from "./random.mjs";

const schema = buildSchema(readFileSync(new URL("validation.graphql", import.meta.url), "utf8"));

/** How often something is written that need not fit. */
const WRONG = 0.03;
const BUILT_IN = ["Int", "Float", "String", "Boolean", "ID"];
const VARIABLES = [...BUILT_IN, "Any", "Trick", "Size", "Look", "One"];
const FIELDS = ["a", "b", "size", "trick", "tags", "any", "inner", "x"];

const some = (list, most) => list.filter(() => chance(0.5)).slice(0, most);

/** The variables of the operation being written: names and types. */
let variables;

function wrapped(name) {
  let type = name + (chance(0.3) ? "!" : "");
  while (chance(0.25)) type = `[${type}]${chance(0.3) ? "!" : ""}`;
  return type;
}

/** A variable, of this type where one is known; inside a custom scalar only one of a built-in scalar. */
function variable(type, inCustom) {
  const fits = (known) =>
    inCustom ? BUILT_IN.includes(known.replaceAll(/[[\]!]/g, "")) : !chance(1 - WRONG) || known.startsWith(type.replace(/!$/, ""));
  const known = variables.filter(([, one]) => fits(one));
  if (known.length > 0 && chance(0.7)) return `$${pick(known)[0]}`;
  const name = `v${variables.length}`;
  variables.push([name, inCustom ? pick(BUILT_IN) : chance(WRONG) ? wrapped(pick(VARIABLES)) : type]);
  return chance(WRONG / 10) ? "$undefined" : `$${name}`;
}

const SCALARS = {
  Int: () => pick(["0", "-1", "2147483647"]),
  Float: () => pick(["0", "1.5", "-2e3"]),
  String: () => pick(['"x"', '""', '"""b"""']),
  Boolean: () => pick(["true", "false"]),
  ID: () => pick(['"x"', "7"]),
  Trick: () => pick(["SIT", "ROLL"]),
  Size: () => "BIG",
};

/** Any literal, with variables or without. */
function anything(depth, mayUse, inCustom = false) {
  const kinds = [...Object.values(SCALARS), () => "null", () => pick(["2147483648", "NOTHING"])];
  if (depth > 0) {
    const inner = () => anything(depth - 1, mayUse, inCustom);
    kinds.push(() => `[${[1, 2].slice(0, below(3)).map(inner).join(" ")}]`);
    kinds.push(() => `{${some(FIELDS, 3).map((name) => `${name}: ${inner()}`).join(" ")}}`);
  }
  if (mayUse) kinds.push(() => variable(pick(VARIABLES), inCustom));
  return pick(kinds)();
}

/** A value for this type. */
function value(type, mayUse, depth = 2) {
  if (chance(WRONG)) {
    // What stands where a custom scalar is expected is inside it.
    return anything(2, mayUse, type.includes("Any"));
  }
  if (mayUse && chance(0.15)) return variable(type, false);
  if (type.endsWith("!")) return present(type.slice(0, -1), mayUse, depth);
  return chance(0.1) ? "null" : present(type, mayUse, depth);
}

function present(type, mayUse, depth) {
  if (type.startsWith("[")) {
    const item = type.slice(1, -1);
    if (chance(0.2) && !item.startsWith("[")) return present(item.replace(/!$/, ""), mayUse, depth);
    return `[${[1, 2].slice(0, below(3)).map(() => value(item, mayUse, depth)).join(", ")}]`;
  }
  if (type === "Any") return anything(2, mayUse, true);
  const named = schema.getType(type);
  if (!isInputObjectType(named)) return SCALARS[type]();
  const fields = Object.values(named.getFields());
  if (named.isOneOf && !chance(WRONG)) {
    const field = pick(fields);
    return `{${field.name}: ${value(`${field.type}!`, mayUse, depth - 1)}}`;
  }
  const chosen = fields.filter(
    (field) => (depth > 0 && chance(0.4)) || (String(field.type).endsWith("!") && !chance(WRONG)),
  );
  return `{${chosen.map((field) => `${field.name}: ${value(String(field.type), mayUse, depth - 1)}`).join(" ")}}`;
}

function argumentsOf(args) {
  const chosen = args.filter((arg) => chance(0.5) || (String(arg.type).endsWith("!") && !chance(WRONG)));
  const given = chosen.map((arg) => `${arg.name}: ${value(String(arg.type), true)}`);
  if (chance(WRONG / 3)) given.push(`x: ${value("Int", true)}`);
  return given.length > 0 ? `(${given.join(", ")})` : "";
}

function directives() {
  if (!chance(0.1)) return "";
  if (chance(WRONG)) return ` @${pick(["nothing", "skip", "oneOf", "specifiedBy"])}`;
  return ` @${pick(["skip", "include"])}(if: ${value("Boolean!", true)})`;
}

let fragments;

function selections(type, depth) {
  const fields = isUnionType(type) ? [] : Object.values(type.getFields());
  const count = 1 + below(3);
  const parts = [];
  for (let n = 0; n < count; n++) {
    const spread = (isUnionType(type) || isInterfaceType(type) || chance(0.1)) && chance(0.5);
    if (spread) {
      const on = chance(0.7) ? pick([type.name, ...possible(type)]) : pick(["Dog", "Cat", "Robot", "Pet", "Being"]);
      const inner = () => selections(schema.getType(on), depth - 1);
      if (chance(0.7)) {
        parts.push(`... on ${on}${directives()} {${inner()}}`);
      } else if (fragments.length < 3) {
        const name = `F${fragments.length}`;
        fragments.push("");
        fragments[Number(name.slice(1))] = `fragment ${name} on ${on} {${inner()}}`;
        if (!chance(WRONG)) parts.push(`...${name}${directives()}`);
      } else {
        parts.push(`...${pick(["F0", "F1", "F2"])}`);
      }
      continue;
    }
    if (fields.length === 0 || chance(0.05)) {
      parts.push("__typename");
      continue;
    }
    if (chance(WRONG / 3)) {
      parts.push(`nothing${chance(0.5) ? "(x: 1)" : ""}`);
      continue;
    }
    const field = pick(fields);
    const inner = schema.getType(String(field.type).replaceAll(/[[\]!]/g, ""));
    const composite = isObjectType(inner) || isInterfaceType(inner) || isUnionType(inner);
    if (composite && depth <= 0) continue;
    const nested = composite !== chance(WRONG / 3) ? ` {${composite ? selections(inner, depth - 1) : "x"}}` : "";
    const alias = chance(0.2) ? `${pick(["p", "q", "name", "barks"])}: ` : "";
    parts.push(`${alias}${field.name}${argumentsOf(field.args)}${directives()}${nested}`);
  }
  return parts.length > 0 ? parts.join(" ") : "__typename";
}

function possible(type) {
  return isObjectType(type) ? [] : schema.getPossibleTypes(type).map((one) => one.name);
}

function operation() {
  variables = [];
  fragments = [];
  const body = selections(schema.getQueryType(), 3);
  if (chance(WRONG)) variables.push(["unused", "Int"]);
  const definitions = variables.map(([name, type]) => {
    const initial = chance(0.2) ? ` = ${value(type, false)}` : "";
    return `$${name}: ${type}${initial}`;
  });
  const head = definitions.length > 0 || chance(0.3) ? `query${definitions.length > 0 ? ` (${definitions.join(", ")})` : ""} ` : "";
  return [`${head}{${body}}`, ...fragments].join(" ");
}

const count = Number(options.count);
for (let n = 0; n < count; n++) {
  const text = operation();
  const [error] = validate(schema, parse(text), undefined, { maxErrors: 1 });
  console.log(JSON.stringify({ text, error: error?.message ?? null }));
}
