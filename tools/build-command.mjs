/**
 * Bundles the operator's command into `dist/command`: its own libraries are in it, with their licences; this
 * package and those of Azure stay outside, so that errors and definitions have one identity.
 */
import { readFileSync, readdirSync, writeFileSync, chmodSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';

const ROOT = join(import.meta.dirname, '..');
const FOLDER = join(ROOT, 'dist/command');
const EXTERNAL = ['@bytelyst/field-encrypt', '@azure/*', 'better-sqlite3', 'libsql', 'node:sqlite'];
const BIN = join(FOLDER, 'encrypt-migrate.js');
/** CommonJS packages in the bundle call `require` for modules of Node. */
const REQUIRE =
  "import { createRequire as __requireOf } from 'node:module'; const require = __requireOf(import.meta.url);";

export async function buildCommand() {
  const { metafile } = await build({
    entryPoints: { 'encrypt-migrate': join(ROOT, 'command/main/main.ts') },
    outdir: FOLDER,
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node20.19',
    external: EXTERNAL,
    banner: { js: REQUIRE },
    chunkNames: 'chunks/[name]-[hash]',
    minifySyntax: true,
    minifyWhitespace: true,
    legalComments: 'none',
    metafile: true,
    absWorkingDir: ROOT,
    logLevel: 'warning',
  });
  writeFileSync(BIN, `#!/usr/bin/env node\n${readFileSync(BIN, 'utf8')}`);
  chmodSync(BIN, 0o755);
  await writeConfigSchema();
  const inputs = [...Object.keys(metafile.inputs), ...(await buildReportAssets())];
  writeFileSync(join(FOLDER, 'THIRD_PARTY_LICENSES.txt'), licencesOf(inputs));
}

/** The script and the style of HTML reports, which are put into each of them. @returns What is in them. */
async function buildReportAssets() {
  const { metafile } = await build({
    entryPoints: {
      chart: join(ROOT, 'command/report/html/browser/chart.js'),
      style: join(ROOT, 'command/report/html/browser/style.css'),
    },
    outdir: join(FOLDER, 'report-assets'),
    bundle: true,
    format: 'iife',
    platform: 'browser',
    target: ['chrome100', 'firefox100', 'safari15.4'],
    minify: true,
    charset: 'ascii',
    legalComments: 'none',
    metafile: true,
    absWorkingDir: ROOT,
    logLevel: 'warning',
  });
  return Object.keys(metafile.inputs);
}

/** The JSON Schema of the configuration, which is in the package for the `$schema` of configurations. */
async function writeConfigSchema() {
  const { outputFiles } = await build({
    entryPoints: [join(ROOT, 'command/config/json-schema.ts')],
    bundle: true,
    format: 'esm',
    platform: 'node',
    write: false,
    absWorkingDir: ROOT,
    logLevel: 'warning',
  });
  const code = Buffer.from(outputFiles[0].contents).toString('base64');
  const { configJsonSchema, JSON_SCHEMA_FILE } = await import(
    `data:text/javascript;base64,${code}`
  );
  const schema = JSON.stringify(configJsonSchema(), undefined, 2);
  writeFileSync(join(FOLDER, JSON_SCHEMA_FILE), `${schema}\n`);
}

/** Of each package whose files are in the bundle. */
function licencesOf(inputs) {
  const packages = inputs
    .map((file) => /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(file)?.[1])
    .filter((folder) => folder !== undefined);
  return [...new Set(packages)]
    .sort()
    .map(licenceOf)
    .join(`\n${'-'.repeat(80)}\n`);
}

function licenceOf(folder) {
  const at = join(ROOT, folder);
  const { name, version, license } = JSON.parse(readFileSync(join(at, 'package.json'), 'utf8'));
  const file = readdirSync(at).find((each) => /^(license|licence)/i.test(each));
  if (file === undefined) throw new Error(`${name} has no licence file: it cannot be bundled`);
  const text = readFileSync(join(at, file), 'utf8').trim();
  return `${name} ${version} (${license})\n\n${text}\n`;
}
