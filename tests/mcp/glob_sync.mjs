// The conformance suite imports `globSync`, which Node.js has since version 22, for a command that is not used here.

import fs from "node:fs";
import { register } from "node:module";

/** @param {string} code */
const asUrl = (code) => `data:text/javascript,${encodeURIComponent(code)}`;

const FS = asUrl(`
  export * from "node:fs";
  export { default } from "node:fs";
  export function globSync() {
    throw new Error("globSync needs Node.js 22");
  }
`);

const HOOKS = asUrl(`
  export function resolve(specifier, context, next) {
    return specifier === "fs" ? { url: ${JSON.stringify(FS)}, shortCircuit: true } : next(specifier, context);
  }
`);

if (!("globSync" in fs)) {
  register(HOOKS);
}
