/** How applications are bundled: each into one file. @module */
import { basename, dirname } from 'node:path';
import type { Plugin } from 'rollup';
import type { Configuration, Stats } from 'webpack';

export interface Bundler {
  readonly name: string;
  /** What Node takes the file's module system from. */
  readonly ending: 'cjs' | 'mjs';
  /** @returns Its warnings. */
  readonly bundle: (entry: string, file: string) => Promise<readonly string[]>;
}

/** The packages of Azure call `require`, which an ES module does not have. */
const BANNER =
  "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);";

function withEsbuild(format: 'cjs' | 'esm', minify: boolean): Bundler {
  return {
    name: `esbuild (${format}${minify ? ', minified' : ''})`,
    ending: format === 'cjs' ? 'cjs' : 'mjs',
    bundle: async (entry, file) => {
      const { build } = await import('esbuild');
      const { warnings } = await build({
        entryPoints: [entry],
        outfile: file,
        bundle: true,
        platform: 'node',
        format,
        minify,
        logLevel: 'silent',
        ...(format === 'esm' && { banner: { js: BANNER } }),
      });
      return warnings.map(({ text }) => text);
    },
  };
}

function withRollup(format: 'cjs' | 'es'): Bundler {
  return {
    name: `Rollup (${format})`,
    ending: format === 'cjs' ? 'cjs' : 'mjs',
    bundle: async (entry, file) => {
      const { rollup } = await import('rollup');
      const { nodeResolve } = await import('@rollup/plugin-node-resolve');
      const warnings: string[] = [];
      const bundle = await rollup({
        input: entry,
        plugins: [
          nodeResolve({ exportConditions: ['node'], preferBuiltins: true }),
          await plugin(import('@rollup/plugin-commonjs')),
          await plugin(import('@rollup/plugin-json')),
        ],
        onLog: (level, { code, message }) => {
          // The packages of Azure have circles among themselves.
          if (level === 'warn' && code !== 'CIRCULAR_DEPENDENCY') warnings.push(message);
        },
      });
      await bundle.write({ file, format, inlineDynamicImports: true });
      return warnings;
    },
  };
}

/** Their types are those of CommonJS modules, which they are not. */
async function plugin(module: Promise<unknown>): Promise<Plugin> {
  const { default: create } = (await module) as { readonly default: () => Plugin };
  return create();
}

function withWebpack(ending: Bundler['ending'], mode: 'development' | 'production'): Bundler {
  return {
    name: `webpack (${ending}, ${mode})`,
    ending,
    bundle: async (entry, file) => {
      const output = { path: dirname(file), filename: basename(file), asyncChunks: false };
      const asModule = {
        experiments: { outputModule: true },
        output: { ...output, module: true, library: { type: 'module' } },
      };
      return runWebpack({
        mode,
        entry,
        output,
        target: 'node20',
        devtool: false,
        ...(ending === 'mjs' && asModule),
      });
    },
  };
}

async function runWebpack(configuration: Configuration): Promise<readonly string[]> {
  const { default: webpack } = await import('webpack');
  const stats = await new Promise<Stats>((resolve, reject) => {
    webpack(configuration, (error, finished) => {
      if (finished) resolve(finished);
      else reject(error ?? new Error('webpack gave no result'));
    });
  });
  const { errors = [], warnings = [] } = stats.toJson({ errors: true, warnings: true });
  const [error] = errors;
  if (error) throw new Error(error.message);
  return warnings.map(({ message }) => message);
}

/** The first two take half a second each. */
export const BUNDLERS: readonly Bundler[] = [
  withEsbuild('cjs', true),
  withEsbuild('esm', false),
  withEsbuild('esm', true),
  withRollup('cjs'),
  withRollup('es'),
  withWebpack('cjs', 'production'),
  withWebpack('mjs', 'development'),
];

export const ONE_OF_EACH: readonly Bundler[] = [
  withEsbuild('cjs', true),
  withRollup('es'),
  withWebpack('mjs', 'development'),
];
