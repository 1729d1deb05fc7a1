/** A workflow of GitHub Actions, by its published schema. @module */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type * as workflowParser from '@actions/workflow-parser';
import { buildSync } from 'esbuild';
import { parse } from 'yaml';

export interface Step {
  readonly id?: string;
  readonly name?: string;
  readonly uses?: string;
  readonly with?: Readonly<Record<string, string>>;
  readonly run?: string;
  readonly if?: string;
  readonly env?: Readonly<Record<string, string>>;
}

export interface Job {
  readonly environment: string;
  readonly env: Readonly<Record<string, string>>;
  readonly steps: readonly Step[];
}

export interface Workflow {
  readonly permissions: Readonly<Record<string, string>>;
  readonly concurrency: { readonly group: string; readonly 'cancel-in-progress': boolean };
  readonly jobs: Readonly<Record<string, Job>>;
}

export function readWorkflow(file: string): Workflow {
  return parse(readFileSync(file, 'utf8')) as Workflow;
}

type WorkflowParser = typeof workflowParser;

let parser: Promise<WorkflowParser> | undefined;

/** Node 20 refuses its imports of JSON: it is bundled before it is loaded. */
async function loadParser(): Promise<WorkflowParser> {
  const folder = mkdtempSync(join(tmpdir(), 'workflow-parser-'));
  const outfile = join(folder, 'parser.mjs');
  buildSync({
    stdin: {
      contents: "export * from '@actions/workflow-parser';",
      resolveDir: import.meta.dirname,
    },
    outfile,
    bundle: true,
    format: 'esm',
    platform: 'node',
    logLevel: 'error',
  });
  try {
    return (await import(/* @vite-ignore */ pathToFileURL(outfile).href)) as WorkflowParser;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** What GitHub would refuse: an unknown key, a wrong type, an expression that it cannot read. */
export async function problemsOf(name: string, content: string): Promise<readonly string[]> {
  parser ??= loadParser();
  const { convertWorkflowTemplate, NoOperationTraceWriter, parseWorkflow } = await parser;
  const { context, value } = parseWorkflow({ name, content }, new NoOperationTraceWriter());
  if (value) await convertWorkflowTemplate(context, value);
  return context.errors.getErrors().map(({ message }) => message);
}
