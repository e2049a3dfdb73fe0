// Random operations over a schema, reproducible by seed.
import { isAbstractType, isCompositeType, isEnumType, isInputObjectType, isLeafType, isListType, isNonNullType, getNamedType } from "graphql";

/** Random numbers in [0, 1) (mulberry32). */
export function random(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

/** Values for arguments, by the argument's name. */
const KNOWN = {
  id: ["b1", "b2", "f1", "p1", "p3", "none", "f3"],
  ids: [["b1", "f1"], [], ["none", "b4", "f2"]],
  isbn: ["i1", "i2", "i4", "none"],
  first: [0, 1, 2, 5],
  work: ["b1", "f1"],
};

/** Fields of keys and requirements. */
const NEEDED = ["id", "isbn", "email", "weight", "kind", "name", "born", "country"];

/** Operations of one schema. */
export class Generator {
  constructor(schema, seed, { shadows = false } = {}) {
    this.shadows = shadows;
    this.schema = schema;
    this.next = random(seed);
  }

  chance(probability) {
    return this.next() < probability;
  }

  pick(list) {
    return list[Math.floor(this.next() * list.length)];
  }

  /** `{ query, variables }`. */
  operation() {
    this.variables = [];
    this.values = {};
    this.fragments = new Map();
    this.budget = 10 + Math.floor(this.next() * 50);
    const mutation = this.schema.getMutationType() && this.chance(0.1);
    const root = mutation ? this.schema.getMutationType() : this.schema.getQueryType();
    const selections = this.selections(root, 0, 2 + Math.floor(this.next() * 5));
    const header = this.variables.length > 0 ? `(${this.variables.join(", ")})` : "";
    const query = `${mutation ? "mutation" : "query"} Q${header} ${selections}${[...this.fragments.values()].join("")}`;
    return { query, variables: this.values };
  }

  selections(type, depth, depthLimit) {
    const items = [];
    const wanted = 1 + Math.floor(this.next() * 4);
    for (let n = 0; n < wanted; n++) {
      this.budget--;
      if (isAbstractType(type) && this.chance(0.6)) items.push(this.fragment(this.pick(this.narrower(type)), depth, depthLimit));
      else if (isAbstractType(type) && !type.getFields) items.push(this.chance(0.3) ? "kindOf: __typename" : "__typename");
      // The gateway runs mutation fields within fragments in a different order.
      else if (type !== this.schema.getMutationType() && this.chance(0.08)) items.push(this.fragment(type, depth, depthLimit));
      else items.push(this.field(type, depth, depthLimit));
    }
    return `{ ${items.join(" ")} }`;
  }

  /** Valid type conditions of inline fragments on this type. */
  narrower(type) {
    const possible = this.schema.getPossibleTypes(type);
    const wider = Object.values(this.schema.getTypeMap()).filter(
      (other) => isAbstractType(other) && this.schema.getPossibleTypes(other).some((member) => possible.includes(member)),
    );
    return this.chance(0.75) ? possible : wider;
  }

  fragment(type, depth, depthLimit) {
    const condition = this.condition();
    if (this.chance(0.3)) {
      const known = [...this.fragments.keys()].filter((name) => name.startsWith(`${type.name}_`));
      if (known.length > 0 && this.chance(0.5)) return `...${this.pick(known)}${condition}`;
      const name = `${type.name}_${this.fragments.size}`;
      const body = this.selections(type, depth + 1, depthLimit);
      // The body is generated before the fragment is named, so that no fragment spreads itself.
      if (!this.fragments.has(name)) {
        this.fragments.set(name, ` fragment ${name} on ${type.name} ${body}`);
        return `...${name}${condition}`;
      }
    }
    return `... on ${type.name}${condition} ${this.selections(type, depth + 1, depthLimit)}`;
  }

  condition() {
    if (!this.chance(0.08)) return "";
    const flag = this.chance(0.5);
    const name = this.pick(["skip", "include"]);
    return ` @${name}(if: ${this.chance(0.6) ? this.variable("Boolean!", flag) : flag})`;
  }

  variable(type, value) {
    const name = `v${this.variables.length}`;
    this.variables.push(`$${name}: ${type}`);
    this.values[name] = value;
    return `$${name}`;
  }

  field(type, depth, depthLimit) {
    const fields = Object.values(type.getFields());
    const deep = depth >= depthLimit || this.budget <= 0;
    const usable = deep ? fields.filter((field) => isLeafType(getNamedType(field.type))) : fields;
    if (usable.length === 0 || this.chance(0.06)) return this.chance(0.3) ? "kindOf: __typename" : "__typename";
    const field = this.pick(usable);
    const args = field.args.map((argument) => this.argument(argument)).filter(Boolean);
    const named = getNamedType(field.type);
    // Fields whose arguments or types may differ between positions get unique response keys.
    const key = args.length > 0 || field.args.length > 0 ? `a${hash(field.name + args.join(","), this.values)}: ` : this.chance(0.1) ? `x${hash(field.name + field.type, {})}: ` : "";
    // Some aliases equal a field that subgraphs require; if that is selected too, the operation is invalid.
    const shadow = this.shadows && !key && this.chance(0.03) ? `${this.pick(NEEDED)}: ` : "";
    const text = `${shadow || key}${field.name}${args.length > 0 ? `(${args.join(", ")})` : ""}${this.condition()}`;
    return isCompositeType(named) ? `${text} ${this.selections(named, depth + 1, depthLimit)}` : text;
  }

  argument(argument) {
    const required = isNonNullType(argument.type) && argument.defaultValue === undefined;
    if (!required && this.chance(0.5)) return "";
    const value = this.value(argument.name, argument.type);
    if (this.chance(0.4)) return `${argument.name}: ${this.variable(String(argument.type), value)}`;
    return `${argument.name}: ${literal(value, argument.type)}`;
  }

  value(name, type) {
    if (isNonNullType(type)) return this.value(name, type.ofType) ?? this.value(name, type);
    if (this.chance(0.08)) return null;
    if (KNOWN[name]) return this.pick(KNOWN[name]);
    if (isListType(type)) return [this.value("", type.ofType), this.value("", type.ofType)];
    if (isEnumType(type)) return this.pick(type.getValues()).name;
    if (isInputObjectType(type)) {
      const value = {};
      for (const field of Object.values(type.getFields())) {
        if (this.chance(0.3)) value[field.name] = this.value(field.name, field.type);
      }
      return value;
    }
    return { Int: this.pick([0, 150, 3]), Boolean: this.chance(0.5), Float: 1.5 }[type.name] ?? this.pick(["One", "Two", "x\"y\n"]);
  }
}

function literal(value, type) {
  if (isNonNullType(type)) return literal(value, type.ofType);
  if (value === null) return "null";
  if (isListType(type)) return `[${value.map((item) => literal(item, type.ofType)).join(", ")}]`;
  if (isEnumType(type)) return value;
  if (isInputObjectType(type)) {
    const fields = type.getFields();
    return `{ ${Object.entries(value).map(([name, inner]) => `${name}: ${literal(inner, fields[name].type)}`).join(", ")} }`;
  }
  return JSON.stringify(value);
}

/** Equal text gives equal keys, so that equal fields merge. */
function hash(text) {
  let sum = 7;
  for (const character of text) sum = (Math.imul(sum, 31) + character.codePointAt(0)) >>> 0;
  return sum.toString(36);
}
