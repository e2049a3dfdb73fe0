// Random choices, reproducible by seed, and the options of the generators: [--count 2000] [--seed 1].

import { parseArgs } from "node:util";

export const { values: options } = parseArgs({
  options: { count: { type: "string", default: "2000" }, seed: { type: "string", default: "1" } },
});

/** Mulberry32. */
let state = Number(options.seed) >>> 0;
const random = () => {
  state = (state + 0x6d2b79f5) >>> 0;
  let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
  mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
  return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
};
export const below = (limit) => Math.floor(random() * limit);
export const chance = (part) => random() < part;
export const pick = (list) => list[below(list.length)];
