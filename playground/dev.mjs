// Serves the pages of dist/ in front of a running Vantage, so that a change needs no compiler:
//
//   node build.mjs && node dev.mjs http://127.0.0.1:4000 4001

import { Proxy } from "./tests/proxy.mjs";

const [upstream = "http://127.0.0.1:4000", port = "4001"] = process.argv.slice(2);
const proxy = new Proxy(new URL(upstream), { ownPages: true });
await proxy.listen(Number(port));
console.log(`${proxy.url}/playground/storefront.html`);
