// Random mutations of sets of subgraphs.

/** Numbers from a seed (mulberry32): `draw(n)` is from 0 to n - 1. */
export function random(seed) {
  let state = (seed * 0x9e3779b9) >>> 0;
  return (n) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) % n;
  };
}

/** Replaces one of the matches of a pattern. */
function replaceOne(text, pattern, replacement, draw) {
  const matches = [...text.matchAll(pattern)];
  if (!matches.length) return text;
  const match = matches[draw(matches.length)];
  const [from, to] = [match.index, match.index + match[0].length];
  return text.slice(0, from) + match[0].replace(new RegExp(pattern.source), replacement) + text.slice(to);
}

const directives = [
  "@shareable", "@external", "@inaccessible", '@override(from: "a")', '@override(from: "b")', '@requires(fields: "x")',
  '@provides(fields: "x")', '@tag(name: "t")', "@authenticated", "@deprecated",
];
/** Each changes the definitions of one subgraph. */
const mutations = [
  (sdl, draw) => replaceOne(sdl, / @\w+(\((?:[^()"]|"[^"]*")*\))?/g, "", draw),
  (sdl, draw) => replaceOne(sdl, /(\w: \[?\w+[!\]]*)/g, `$1 ${directives[draw(directives.length)]}`, draw),
  (sdl, draw) => replaceOne(sdl, /\b(Int|ID|String)\b/g, ["Int", "ID", "String", "[Int]", "Boolean"][draw(5)], draw),
  (sdl, draw) => replaceOne(sdl, /(: \w+)!/g, "$1", draw),
  (sdl, draw) => replaceOne(sdl, /(: \w+)(?=[ )])/g, "$1!", draw),
  (sdl, draw) => replaceOne(sdl, /\b[xyzbn](?=: )/g, "xyzbn"[draw(5)], draw),
  (sdl, draw) => replaceOne(sdl, / \w+: \[?\w+[!\]]*/g, "", draw),
  (sdl, draw) => replaceOne(sdl, /(type [A-Z] )/g, '$1@key(fields: "id") ', draw),
  (sdl, draw) => replaceOne(sdl, /(type [A-Z] )/g, "$1@shareable ", draw),
  (sdl, draw) => replaceOne(sdl, /(@key\(fields: "\w+")/g, "$1, resolvable: false", draw),
  (sdl, draw) => replaceOne(sdl, /type (?=[A-Z])/g, ["extend type ", "interface "][draw(2)], draw),
];

/** A set made from one of these, or from two with the same names of subgraphs, by a few mutations. */
export function mutate(sets, draw) {
  let set = sets[draw(sets.length)];
  if (draw(4) === 0) {
    const other = sets[draw(sets.length)];
    set = [...set, ...other.filter(({ name }) => set.every((one) => one.name !== name))];
  }
  set = set.map((subgraph) => ({ ...subgraph }));
  for (let left = 1 + draw(3); left > 0; left -= 1) {
    const subgraph = set[draw(set.length)];
    const start = subgraph.sdl.search(/^(?!extend schema)/m);
    const mutation = mutations[draw(mutations.length)];
    subgraph.sdl = subgraph.sdl.slice(0, start) + mutation(subgraph.sdl.slice(start), draw);
  }
  return set;
}
