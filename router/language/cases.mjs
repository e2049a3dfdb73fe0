// Random documents, and how graphql-js parses each, as JSON lines:
//   {"text": …, "nodes": [[kind, …, line, column], …]}   or   {"text": …, "error": [line, column]}
//
//   node cases.mjs [--count 2000] [--seed 1]

import { parse, print, visit } from "graphql";
import { below, chance, options, pick } from "./random.mjs";

const times = (most, make) => Array.from({ length: below(most + 1) }, make).join("");
const hex = (digits) => Array.from({ length: digits }, () => pick([..."0123456789abcdefABCDEF"])).join("");

// The lexical grammar. Some pieces are invalid, so that rejections are compared, too.
const WRONG = 0.002;
const wrong = (good, bad) => (chance(WRONG) ? pick(bad) : good());

const lineEnd = () => pick(["\n", "\r", "\r\n"]);
const character = () =>
  pick(["a", "Z", "0", " ", "\t", "'", "#", "{", "/", ",", "é", "\u2028", "🎧", "\u0000", "\u0008", "\u007f", "\ufeff", "\ufffd"]);
const ignored = () =>
  pick([
    () => " ",
    () => " ",
    () => "\t",
    () => ",",
    () => "\ufeff",
    lineEnd,
    () => `#${times(5, () => pick([character(), '"', "\\"]))}${lineEnd()}`,
  ])();
const space = () => times(2, ignored);

const surrogates = () => {
  const point = 0x10000 + below(0x100000);
  const text = String.fromCodePoint(point);
  return [0, 1].map((at) => `\\u${text.charCodeAt(at).toString(16)}`).join("");
};
const escape = () =>
  wrong(
    () =>
      pick([
        () => `\\${pick([...'"\\/bfnrt'])}`,
        () => `\\u${pick(["00", "2a", "D7", "e0", "FF"])}${hex(2)}`,
        surrogates,
        () => `\\u{${pick([hex(1), hex(2), hex(4).replace(/^[dD]/, "c"), "1F3A7", "10FFFF", "00000041"])}}`,
      ])(),
    ["\\x", "\\u12", "\\u{}", "\\u{110000}", "\\u{d800}", "\\ud83c", "\\udfa7", "\\ud83c\\u0041", "\\u{12", "\\U0041", "\\\n"],
  );
const string = () =>
  `"${times(6, () => wrong(() => pick([character, escape])(), ['"', "\n", "\r", "\\"]))}"`;
const blockString = () =>
  `"""${times(8, () =>
    pick([character, lineEnd, () => pick([" ", "  ", "\t"]), () => '\\"""', () => "\\u0041", () => 'a"b', () => 'a""b'])(),
  )}${pick(["", "", "\n", " "])}"""`;
const digits = () => pick(["0", "7", "12", "120", "2147483647", "2147483648", "9223372036854775808", "123456789012345678901234567890"]);
const number = () =>
  wrong(
    () =>
      `${pick(["", "", "-"])}${digits()}${chance(0.3) ? `.${pick(["0", "5", "50", "093"])}` : ""}${
        chance(0.3) ? `${pick(["e", "E"])}${pick(["", "+", "-"])}${pick(["0", "5", "07", "400"])}` : ""
      }`,
    ["00", "01", "-", "+1", ".5", "1.", "1.a", "1e", "1e+", "1.5.5", "0x1", "1a", "1_0", "1.5f", "--1", "0...a"],
  );
// No type system definitions: the router parses executable documents only.
const name = () => wrong(() => pick(["a", "b", "_1", "on", "fragment", "query", "subscription", "true", "null", "X9"]), ["é", "1a", "-a"]);
const sign = (good) => wrong(() => good, ["~", "?", "..", "%", "'", "\u00a0", "", ";", "`"]);

// The grammar of documents.
const tokens = (...parts) => parts.flat().map((part) => part + space()).join("");
const some = (most, make) => Array.from({ length: 1 + below(most) }, make);
const several = (most, make) => Array.from({ length: below(most + 1) }, make);
const fragmentName = () => wrong(() => pick(["F", "G", "query"]), ["on"]);

const value = (depth, constant) =>
  pick([
    number,
    number,
    string,
    string,
    blockString,
    name,
    () => (constant && !chance(WRONG) ? name() : tokens(sign("$"), name())),
    () => (depth ? tokens(sign("["), several(3, () => tokens(value(depth - 1, constant), " ")), sign("]")) : number()),
    () => (depth ? tokens(sign("{"), several(2, () => named(depth - 1, constant)), sign("}")) : string()),
  ])();
const named = (depth, constant) => tokens(name(), sign(":"), value(depth, constant), " ");
const args = (constant) => (chance(0.4) ? tokens(sign("("), some(2, () => named(2, constant)), sign(")")) : "");
const directives = (constant) => tokens(several(1, () => tokens(sign("@"), name(), args(constant), " ")));
const type = (depth) =>
  tokens(depth && chance(0.3) ? tokens(sign("["), type(depth - 1), sign("]")) : name(), chance(0.3) ? sign("!") : "", " ");
const description = () => (chance(0.2) ? tokens(pick([string, blockString])(), " ") : "");
const variable = () =>
  tokens(description(), sign("$"), name(), sign(":"), type(2), chance(0.4) ? tokens(sign("="), value(1, true)) : "", " ", directives(true));
const selections = (depth) =>
  tokens(
    sign("{"),
    some(3, () =>
      pick([
        () => field(depth),
        () => field(depth),
        () => tokens(sign("..."), fragmentName(), " ", directives(false)),
        () => tokens(sign("..."), chance(0.5) ? tokens("on ", name(), " ") : "", directives(false), selections(depth && depth - 1)),
      ])(),
    ),
    sign("}"),
  );
const field = (depth) =>
  tokens(chance(0.3) ? tokens(name(), sign(":")) : "", name(), " ", args(false), directives(false), depth && chance(0.5) ? selections(depth - 1) : "");
const definition = () =>
  pick([
    () => selections(2),
    () => tokens(chance(WRONG) ? description() : "", selections(2)),
    () =>
      tokens(
        description(),
        pick(["query ", "mutation ", "subscription "]),
        chance(0.7) ? tokens(name(), " ") : "",
        chance(0.5) ? tokens(sign("("), some(2, variable), sign(")")) : "",
        directives(false),
        selections(2),
      ),
    () => tokens(description(), "fragment ", fragmentName(), " on ", name(), " ", directives(false), selections(2)),
  ])();
const document = () => tokens(space(), some(2, definition));

/** The start of a node after its description. */
const place = (node) => {
  let token = node.description ? node.description.loc.endToken.next : node.loc.startToken;
  while (token.kind === "Comment") token = token.next;
  return [token.line, token.column];
};

const leaf = { IntValue: 1, FloatValue: 1, StringValue: 1, BooleanValue: 1, EnumValue: 1 };

/** The nodes of a document, outermost first. */
const nodesOf = (document) => {
  const nodes = [];
  const onVariables = [];
  visit(document, {
    enter(node, key, parent, path, ancestors) {
      if (key === "description") return false;
      const names = (ancestor) => !Array.isArray(ancestor) && ancestor.kind === "VariableDefinition";
      switch (node.kind) {
        case "OperationDefinition": {
          // The shorthand form has neither name nor position in the router's tree.
          const short = node.loc.startToken.kind === "{";
          nodes.push(short ? ["Selections"] : ["Operation", node.operation, node.name?.value ?? null, ...place(node)]);
          return;
        }
        case "FragmentDefinition":
          nodes.push(["Fragment", node.name.value, node.typeCondition.name.value, ...place(node)]);
          return;
        case "VariableDefinition":
          nodes.push(["VariableDefinition", node.variable.name.value, print(node.type), ...place(node)]);
          return;
        case "Field":
          nodes.push(["Field", node.alias?.value ?? null, node.name.value, ...place(node)]);
          return;
        case "FragmentSpread":
          nodes.push(["Spread", node.name.value, ...place(node)]);
          return;
        case "InlineFragment":
          nodes.push(["Inline", node.typeCondition?.name.value ?? null, ...place(node)]);
          return;
        case "Directive":
          if (ancestors.some(names)) {
            onVariables.push(["VariableDirective", node.name.value, ...place(node)]);
            return false;
          }
          nodes.push(["Directive", node.name.value, ...place(node)]);
          return;
        case "Argument":
        case "ObjectField":
          nodes.push(["Named", node.name.value]);
          return;
        case "Variable":
          if (key !== "variable") nodes.push(["Variable", node.name.value]);
          return;
        case "NullValue":
          nodes.push(["NullValue"]);
          return;
        case "ListValue":
          nodes.push(["List", node.values.length]);
          return;
        case "ObjectValue":
          nodes.push(["Object", node.fields.length]);
          return;
        default:
          // The router's tree has no negative zero.
          if (leaf[node.kind]) nodes.push([node.kind, node.value === "-0" ? "0" : node.value]);
      }
    },
  });
  return [...nodes, ...onVariables];
};

for (let count = Number(options.count); count > 0; count -= 1) {
  const text = document();
  let read;
  try {
    read = { nodes: nodesOf(parse(text)) };
  } catch (error) {
    if (!error.locations) throw error;
    const { line, column } = error.locations[0];
    read = { error: [line, column] };
  }
  process.stdout.write(`${JSON.stringify({ text, ...read })}\n`);
}
