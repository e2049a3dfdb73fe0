// Builds the pages into dist/: bundles with hashed names, compressed, and HTML that names them. The binary embeds dist/,
// so that building Vantage needs no Node.js.
//
//   node build.mjs            builds
//   node build.mjs --check    builds in memory and fails when dist/ differs

import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync, gzipSync } from "node:zlib";
import { build } from "esbuild";

const ROOT = import.meta.dirname;
const DIST = join(ROOT, "dist");

/** The pages: each has a folder with a template and a script of its name. */
const PAGES = { storefront: "storefront.js", tracking: "tracking.js", explorer: "explorer.jsx" };
/** What the explorer's editors do beside the page, by the label of the language. */
const WORKERS = {
  editor: "monaco-editor/esm/vs/editor/editor.worker.js",
  graphql: "monaco-graphql/esm/graphql.worker.js",
  json: "monaco-editor/esm/vs/language/json/json.worker.js",
};
const ICON = "shared/icon.svg";
/** What the result depends on: `sources.sha256` lets a test without Node.js see that dist/ is stale. */
const SOURCES = ["build.mjs", "package-lock.json", "explorer", "shared", "storefront", "tracking"];

const entry = (page) => `${page}/${PAGES[page]}`;
const baseName = (path) => path.split("/").pop();

const OPTIONS = {
  absWorkingDir: ROOT,
  outdir: "dist/assets",
  write: false,
  metafile: true,
  bundle: true,
  target: ["es2022"],
  minify: true,
  charset: "utf8",
  // The licences are a file of their own.
  legalComments: "none",
  entryNames: "[name]-[hash]",
  chunkNames: "[name]-[hash]",
  assetNames: "[name]-[hash]",
  loader: { ".ttf": "file" },
  jsx: "automatic",
  define: { "process.env.NODE_ENV": '"production"' },
};
const workers = await build({ ...OPTIONS, entryPoints: Object.values(WORKERS), format: "iife" });
const workerNames = Object.fromEntries(
  Object.entries(WORKERS).map(([label, path]) => {
    const built = Object.entries(workers.metafile.outputs);
    return [label, baseName(built.find(([, { entryPoint }]) => entryPoint?.endsWith(path))[0])];
  }),
);
/** Bundles pages; what they share is in files of its own. */
function bundle(...pages) {
  return build({
    ...OPTIONS,
    entryPoints: pages.map(entry),
    splitting: true,
    format: "esm",
    define: { ...OPTIONS.define, WORKERS: JSON.stringify(workerNames) },
  });
}
// The explorer is much larger, and shares too little with the others for that to be worth files.
const bundles = [workers, await bundle("storefront", "tracking"), await bundle("explorer")];
const outputs = Object.fromEntries(bundles.flatMap(({ metafile }) => Object.entries(metafile.outputs)));
/** The style sheets of the pages. Nothing loads those of scripts that come later, so a page's has to have theirs, too. */
const sheets = Object.values(outputs).flatMap(({ cssBundle, entryPoint }) =>
  Object.keys(PAGES).map(entry).includes(entryPoint) ? [baseName(cssBundle)] : [],
);

/** Asset names and contents. */
const assets = new Map(
  bundles
    .flatMap(({ outputFiles }) => outputFiles)
    .map(({ path, contents }) => [baseName(path), Buffer.from(contents)])
    .filter(([name]) => !name.endsWith(".css") || sheets.includes(name)),
);
const licences = Buffer.from(licenceTexts());
const licencesName = `licences-${sha256(licences).slice(0, 8).toUpperCase()}.txt`;
assets.set(licencesName, licences);
const icon = readFileSync(join(ROOT, ICON));
const iconName = `icon-${sha256(icon).slice(0, 8).toUpperCase()}.svg`;
assets.set(iconName, icon);

const files = new Map();
for (const page of Object.keys(PAGES)) files.set(`${page}.html`, Buffer.from(html(page)));
const names = [...assets.keys()].sort();
for (const name of names) files.set(`assets/${name}.gz`, assets.get(name));
files.set("assets.in", Buffer.from(rust(names)));
files.set("sources.sha256", Buffer.from(checksums()));

if (process.argv.includes("--check")) check();
else write();
report();

/** The licences of the packages in the bundles, whose texts have to go with them. */
function licenceTexts() {
  const inputs = Object.values(outputs).flatMap(({ inputs }) => Object.keys(inputs));
  const folders = inputs.map((path) => path.match(/^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+/)?.[0]).filter(Boolean);
  const texts = [...new Set(folders)].sort().map((folder) => {
    const { name, version, license } = JSON.parse(readFileSync(join(ROOT, folder, "package.json"), "utf8"));
    const file = readdirSync(join(ROOT, folder)).find((name) => /^licen[cs]e/i.test(name));
    const text = file ? readFileSync(join(ROOT, folder, file), "utf8").trim() : "";
    return `${name} ${version} (${license})\n\n${text}`.trim();
  });
  return `${texts.join(`\n\n${"-".repeat(80)}\n\n`)}\n`;
}

/** The page's template with the files that it needs; `{{pages}}`, `{{endpoint}}` and `{{shop}}` are for the server. */
function html(page) {
  const [path, output] = Object.entries(outputs).find(([, { entryPoint }]) => entryPoint === entry(page));
  const href = (path) => `{{pages}}assets/${baseName(path)}`;
  const needed = new Set();
  const visit = (output) => {
    for (const { path, kind } of output.imports) {
      if (kind !== "import-statement" || needed.has(path)) continue;
      needed.add(path);
      visit(outputs[path]);
    }
  };
  visit(output);
  const lines = [
    `<link rel="icon" href="${href(iconName)}">`,
    `<link rel="license" href="${href(licencesName)}">`,
    `<link rel="stylesheet" href="${href(output.cssBundle)}">`,
    ...[...needed].map((path) => `<link rel="modulepreload" href="${href(path)}">`),
    `<script type="module" src="${href(path)}"></script>`,
  ];
  return readFileSync(join(ROOT, page, `${page}.html`), "utf8").replace("{{assets}}", lines.join("\n"));
}

/** The assets as the binary embeds them. */
function rust(names) {
  const entries = names.map((name) => `    ("${name}", include_bytes!("assets/${name}.gz")),\n`);
  return `// Written by playground/build.mjs.\n&[\n${entries.join("")}]\n`;
}

function checksums() {
  const lines = SOURCES.flatMap(sourceFiles)
    .sort()
    .map((path) => `${sha256(readFileSync(join(ROOT, path)))}  ${path}\n`);
  return lines.join("");
}

function sourceFiles(path) {
  if (path.includes(".")) return [path];
  return readdirSync(join(ROOT, path), { recursive: true })
    .map((name) => `${path}/${name}`)
    .filter((path) => path.includes("."));
}

function sha256(bytes) {
  return createHash("sha256").update(bytes).digest("hex");
}

function write() {
  rmSync(DIST, { recursive: true, force: true });
  mkdirSync(join(DIST, "assets"), { recursive: true });
  for (const [path, contents] of files) {
    writeFileSync(join(DIST, path), path.endsWith(".gz") ? gzipSync(contents, { level: 9 }) : contents);
  }
}

/** Compressed bytes may differ between versions of zlib, so the contents are compared. */
function check() {
  const stale = [...files].filter(([path, contents]) => {
    if (!existsSync(join(DIST, path))) return true;
    const bytes = readFileSync(join(DIST, path));
    return !contents.equals(path.endsWith(".gz") ? gunzipSync(bytes) : bytes);
  });
  const known = readdirSync(DIST, { recursive: true }).filter((path) => path.includes("."));
  const unknown = known.filter((path) => !files.has(path));
  if (stale.length + unknown.length > 0) {
    console.error("dist/ is not what the sources build; run playground/build.sh:");
    for (const path of [...stale.map(([path]) => path), ...unknown]) console.error(`  ${path}`);
    process.exit(1);
  }
}

/** What a browser loads for each page, compressed. */
function report() {
  for (const page of Object.keys(PAGES)) {
    const text = files.get(`${page}.html`).toString();
    const loaded = [...text.matchAll(/assets\/([^"]+)"/g)]
      .map(([, name]) => name)
      .filter((name) => name !== licencesName);
    const size = loaded.reduce((sum, name) => sum + gzipSync(assets.get(name), { level: 9 }).length, 0);
    console.log(`${page}: ${loaded.length} files, ${Math.ceil(size / 1024)} KiB compressed`);
  }
}
