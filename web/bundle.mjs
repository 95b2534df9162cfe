// bundle.mjs FOLDER DEPFILE PAGE...: makes of each PAGE, a folder of pages/ with index.html and main.ts, the files PAGE.html,
// PAGE.js and PAGE.css in FOLDER. The page asks for the other two with a part of their hash, so that no browser mixes versions.
// And redoc.standalone.js, which is ReDoc without the picture that it would load from another host.
import { createHash } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const HASH_LENGTH = 8; // VERSION_LENGTH in src/front/routes.c
const CODEMIRROR = "/*! CodeMirror and Lezer: MIT, Copyright (C) 2018-2026 Marijn Haverbeke and others, https://codemirror.net */";

const REDOC = "node_modules/redoc/bundles/redoc.standalone.js";
const REDOC_PICTURE = "https://cdn.redoc.ly/redoc/logo-mini.svg";
const NO_PICTURE = "data:,"; // ReDoc shows none where it cannot be loaded

const web = path.dirname(fileURLToPath(import.meta.url));
const [folder, depfile, ...pages] = process.argv.slice(2);

const result = await build({
  absWorkingDir: web,
  entryPoints: pages.map((page) => ({ in: `pages/${page}/main.ts`, out: page })),
  outdir: path.resolve(folder),
  bundle: true,
  minify: true,
  format: "esm",
  target: "es2022",
  charset: "utf8",
  legalComments: "none",
  metafile: true,
  logLevel: "warning",
});
const inputs = Object.keys(result.metafile.inputs).map((input) => path.join(web, input));

for (const page of pages) {
  const [script] = Object.entries(result.metafile.outputs).find(([name]) => path.basename(name) === `${page}.js`) ?? [];
  if (Object.keys(result.metafile.outputs[script].inputs).some((input) => input.includes("@codemirror"))) {
    const file = path.join(folder, `${page}.js`);
    await writeFile(file, CODEMIRROR + "\n" + (await readFile(file, "utf8")));
  }
  const source = path.join(web, `pages/${page}/index.html`);
  let html = await readFile(source, "utf8");
  for (const kind of ["js", "css"]) {
    const hash = createHash("sha256").update(await readFile(path.join(folder, `${page}.${kind}`))).digest("hex");
    html = html.replace(`${page}.${kind}"`, `${page}.${kind}?${hash.slice(0, HASH_LENGTH)}"`);
  }
  await writeFile(path.join(folder, `${page}.html`), html);
  inputs.push(source);
}

const redoc = (await readFile(path.join(web, REDOC), "utf8")).split(REDOC_PICTURE);
if (redoc.length !== 2) throw new Error(`${REDOC} has ${redoc.length - 1} times ${REDOC_PICTURE}: look what it loads now`);
await writeFile(path.join(folder, "redoc.standalone.js"), redoc.join(NO_PICTURE));
inputs.push(path.join(web, REDOC));

const escaped = inputs.map((input) => input.replaceAll(" ", "\\ "));
await writeFile(depfile, `${path.join(folder, `${pages[0]}.js`)}: ${escaped.join(" ")}\n`);
