// The editors' workers: files of this server, which the page's policy allows. `build.mjs` puts their names in.

import { pages } from "../shared/graph.js";

/* global WORKERS */
globalThis.MonacoEnvironment = {
  getWorker: (_, label) => new Worker(`${pages}assets/${WORKERS[label] ?? WORKERS.editor}`, { name: label }),
};
