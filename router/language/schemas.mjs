// Random schemas, each with a changed copy, and the changes found by graphql-js, as JSON lines:
//   {"old": …, "new": …, "changes": [[type, description], …], "grades": {type: "breaking", …}}
//
//   node schemas.mjs [--count 2000] [--seed 1]

import { BreakingChangeType, buildSchema, DangerousChangeType, findSchemaChanges, SafeChangeType } from "graphql";
import { below, chance, options, pick } from "./random.mjs";

const some = (list, most) => list.filter(() => chance(0.5)).slice(0, most);

const NAMES = ["a", "b", "c", "d", "e"];
const SCALARS = ["Int", "Float", "String", "Boolean", "ID"];
const TYPES = {
  type: ["Query", "A", "B", "C"],
  interface: ["I", "J"],
  union: ["U", "V"],
  enum: ["E", "F"],
  input: ["In", "Other"],
  scalar: ["S", "T"],
};
const VALUES = ["ONE", "TWO", "THREE", "FOUR"];
const LOCATIONS = ["FIELD", "QUERY", "FRAGMENT_SPREAD", "OBJECT", "FIELD_DEFINITION"];

/** A named type, possibly wrapped in lists and non-nulls. */
function wrapped(name) {
  let type = name;
  if (chance(0.3)) type += "!";
  while (chance(0.25)) {
    type = `[${type}]`;
    if (chance(0.3)) type += "!";
  }
  return type;
}
const output = () => wrapped(pick([...SCALARS, ...TYPES.type, ...TYPES.interface, ...TYPES.union, ...TYPES.enum, ...TYPES.scalar]));

/** A literal valid for a type. Input objects are empty, since their fields have defaults or are nullable. */
function literal(type) {
  if (type.endsWith("!")) return present(type.slice(0, -1));
  return chance(0.1) ? "null" : present(type);
}
function present(type) {
  if (type.startsWith("[")) {
    const inner = type.slice(1, -1);
    // Without nulls inside, so that they are valid for non-nulls, too. graphql-js compares literals as written: a single value
    // for a list would differ from a list with that value.
    const item = () => literal(inner.endsWith("!") ? inner : `${inner}!`);
    return `[${Array.from({ length: below(3) }, item).join(", ")}]`;
  }
  return plain(type);
}
function plain(name) {
  switch (name) {
    case "Int":
      return pick(["1", "2", "-3"]);
    case "Float":
      return pick(["1", "2.5", "-0.5"]);
    case "Boolean":
      return pick(["true", "false"]);
    case "ID":
      return pick(['"1"', '"x"']);
    case "String":
      return pick(['"x"', '"y z"', '"say \\"hello\\""', '"é🎧"']);
    case "E":
    case "F":
      return "ONE";
    default:
      return "{}";
  }
}
function inputValue(name, names) {
  const type = wrapped(pick(names));
  const isRequired = type.endsWith("!");
  const value = { name, type, deprecated: chance(0.1) && !isRequired };
  // It compares input object defaults without their fields' defaults.
  if (chance(0.4) && !TYPES.input.some((input) => type.includes(input))) value.default = literal(type);
  return value;
}
const argumentsOf = () => some(NAMES, 3).map((name) => inputValue(name, [...SCALARS, ...TYPES.enum, ...TYPES.input]));
const field = (name) => ({ name, type: output(), arguments: chance(0.4) ? argumentsOf() : [], deprecated: chance(0.1) });

function definition(kind, name) {
  const made = { kind, name, interfaces: [], fields: [], members: [], values: [] };
  switch (kind) {
    case "type":
    case "interface":
      made.fields = [field("z"), ...some(NAMES, 4).map(field)];
      made.interfaces = some(TYPES.interface, 2).filter((interfaceName) => kind === "type" && interfaceName !== name);
      break;
    case "union":
      made.members = ["A", ...some(["B", "C"], 2)];
      break;
    case "enum":
      made.values = ["ONE", ...some(VALUES.slice(1), 3)];
      break;
    case "input":
      // Only optional scalars and enums, so that `{}` is valid.
      made.fields = [...new Set(["z", ...some(NAMES, 3)])].map((name) => {
        const value = inputValue(name, [...SCALARS, ...TYPES.enum]);
        if (value.type.endsWith("!") && value.default === undefined) value.type = value.type.slice(0, -1);
        return value;
      });
      break;
  }
  return made;
}
const directive = (name) => ({
  name,
  arguments: argumentsOf(),
  repeatable: chance(0.5),
  locations: ["FIELD", ...some(LOCATIONS.slice(1), 3)],
});

function schema() {
  const types = Object.entries(TYPES).flatMap(([kind, names]) => names.map((name) => definition(kind, name)));
  types.push(definition(pick(["type", "enum", "input"]), "Old"));
  return { types, directives: ["x", "y"].filter(() => chance(0.7)).map(directive) };
}

/** Makes a random change, but keeps definitions that others reference. */
function change({ types, directives }) {
  const type = pick(types);
  const made = type.kind === "directive" ? type : definition(type.kind, type.name);
  const one = pick(type.fields.length > 0 ? type.fields : [undefined]);
  pick([
    () => Object.assign(type, { interfaces: made.interfaces }),
    () => Object.assign(type, { members: made.members, values: made.values }),
    () => Object.assign(type, { fields: made.fields }),
    () => {
      if (one === undefined) return;
      const other = made.fields.find(({ name }) => name === one.name);
      if (other) Object.assign(one, { default: undefined, ...other, deprecated: other.deprecated });
    },
    () => {
      if (one?.arguments) one.arguments = argumentsOf();
    },
    () => {
      // Only list and non-null wrappers.
      if (one === undefined || type.kind === "input") return;
      one.type = wrapped(one.type.replace(/[[\]!]/g, ""));
    },
    () => {
      const argument = pick(one?.arguments?.length ? one.arguments : [undefined]);
      if (!argument) return;
      if (chance(0.5)) argument.type = wrapped(argument.type.replace(/[[\]!]/g, ""));
      if (TYPES.input.some((input) => argument.type.includes(input))) return;
      if (chance(0.5) || argument.default !== undefined) argument.default = chance(0.7) ? literal(argument.type) : undefined;
      if (argument.type.endsWith("!")) argument.deprecated = false;
    },
    () => directives.splice(below(directives.length + 1), 1),
    () => {
      const known = pick([...directives, undefined]);
      if (known) Object.assign(known, directive(known.name));
      else if (!directives.some(({ name }) => name === "w")) directives.push(directive("w"));
    },
    () => {
      // Another kind, or removed.
      const free = types.filter(({ name }) => ["S", "T"].includes(name));
      const scalar = pick([...free, undefined]);
      if (scalar && scalar.kind === "scalar") Object.assign(scalar, definition("enum", scalar.name));
      else if (!types.some(({ name }) => name === "New")) types.push(definition(pick(["type", "enum", "input"]), "New"));
      // Nothing references it.
      const unused = types.findIndex(({ name }) => name === "Old");
      if (unused >= 0 && chance(0.5)) types.splice(unused, 1);
    },
    () => {
      if (type.kind === "input") type.fields.push({ name: "added", type: pick(["Int", "[E]", "Int!", "[E]!"]) });
    },
  ])();
}

const deprecation = ({ deprecated }) => (deprecated ? ' @deprecated(reason: "old")' : "");
function print(value) {
  const inner = value.arguments?.length ? `(${value.arguments.map(print).join(", ")})` : "";
  const initial = value.default === undefined ? "" : ` = ${value.default}`;
  return `${value.name}${inner}: ${value.type}${initial}${deprecation(value)}`;
}
function text({ types, directives }) {
  const lines = types.map(({ kind, name, interfaces, fields, members, values }) => {
    const header = `${kind} ${name}${interfaces.length ? ` implements ${interfaces.join(" & ")}` : ""}`;
    if (kind === "union") return `${header} = ${members.join(" | ")}`;
    if (kind === "scalar") return header;
    const unique = fields.filter((one, index) => fields.findIndex(({ name }) => name === one.name) === index);
    const inner = kind === "enum" ? values : unique.map(print);
    return `${header} { ${inner.join(" ")} }`;
  });
  const definitions = directives.map(
    ({ name, arguments: of, repeatable, locations }) =>
      `directive @${name}${of.length ? `(${of.map(print).join(", ")})` : ""}${repeatable ? " repeatable" : ""} on ${locations.join(" | ")}`,
  );
  return [...definitions, ...lines].join("\n");
}

// Changes are found even if interfaces are not implemented correctly.
const read = (sdl) => buildSchema(sdl, { assumeValid: true });
const told = (changes) =>
  changes
    // Built-in scalars exist only if referenced.
    .filter(({ description }) => !/^(Standard scalar|(Int|Float|String|Boolean|ID) was)/.test(description))
    .map(({ type, description }) => [type, description]);

const graded = (types, grade) => Object.keys(types).map((type) => [type, grade]);
const grades = Object.fromEntries([
  ...graded(SafeChangeType, "safe"),
  ...graded(DangerousChangeType, "dangerous"),
  ...graded(BreakingChangeType, "breaking"),
]);
const out = [];
for (let count = 0; count < Number(options.count); count += 1) {
  const model = schema();
  const old = text(model);
  for (let changes = 1 + below(6); changes > 0; changes -= 1) change(model);
  const changed = text(model);
  const [before, after] = [read(old), read(changed)];
  out.push(JSON.stringify({ old, new: changed, changes: told(findSchemaChanges(before, after)), grades }));
}
process.stdout.write(`${out.join("\n")}\n`);
