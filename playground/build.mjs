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

/** The pages: each has a folder with a script and a template of its name. */
const PAGES = ["storefront", "tracking"];
const ICON = "shared/icon.svg";
/** What the result depends on: `sources.sha256` lets a test without Node.js see that dist/ is stale. */
const SOURCES = ["build.mjs", "package-lock.json", "explorer", "shared", "storefront", "tracking"];

const entry = (page) => `${page}/${page}.js`;

const { outputFiles, metafile } = await build({
  absWorkingDir: ROOT,
  entryPoints: PAGES.map(entry),
  outdir: "dist/assets",
  write: false,
  metafile: true,
  bundle: true,
  splitting: true,
  format: "esm",
  target: ["es2022"],
  minify: true,
  charset: "utf8",
  legalComments: "linked",
  entryNames: "[name]-[hash]",
  chunkNames: "[name]-[hash]",
  assetNames: "[name]-[hash]",
  define: { "process.env.NODE_ENV": '"production"' },
});

/** Asset names and contents. */
const assets = new Map(outputFiles.map(({ path, contents }) => [path.split("/").pop(), Buffer.from(contents)]));
const icon = readFileSync(join(ROOT, ICON));
const iconName = `icon-${sha256(icon).slice(0, 8).toUpperCase()}.svg`;
assets.set(iconName, icon);

const files = new Map();
for (const page of PAGES) files.set(`${page}.html`, Buffer.from(html(page)));
const names = [...assets.keys()].sort();
for (const name of names) files.set(`assets/${name}.gz`, assets.get(name));
files.set("assets.in", Buffer.from(rust(names)));
files.set("sources.sha256", Buffer.from(checksums()));

if (process.argv.includes("--check")) check();
else write();
report();

/** The page's template with the files that it needs; `{{pages}}` and `{{endpoint}}` are for the server. */
function html(page) {
  const [path, output] = Object.entries(metafile.outputs).find(([, { entryPoint }]) => entryPoint === entry(page));
  const href = (path) => `{{pages}}assets/${path.split("/").pop()}`;
  const needed = new Set();
  const visit = (output) => {
    for (const { path, kind } of output.imports) {
      if (kind !== "import-statement" || needed.has(path)) continue;
      needed.add(path);
      visit(metafile.outputs[path]);
    }
  };
  visit(output);
  const lines = [
    `<link rel="icon" href="${href(iconName)}">`,
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
  for (const page of PAGES) {
    const text = files.get(`${page}.html`).toString();
    const loaded = [...text.matchAll(/assets\/([^"]+)"/g)].map(([, name]) => name);
    const size = loaded.reduce((sum, name) => sum + gzipSync(assets.get(name), { level: 9 }).length, 0);
    console.log(`${page}: ${loaded.length} files, ${Math.ceil(size / 1024)} KiB compressed`);
  }
}
