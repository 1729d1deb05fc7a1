/** Runs the steps of a job in their order, as a runner of GitHub Actions does; `uses` only counts as done. @module */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { filled, isTrue, type State } from './expression.js';
import type { Job, Step } from './workflow.js';

export type Variables = Readonly<Record<string, string>>;

export interface JobOptions {
  /** The checkout. */
  readonly folder: string;
  /** Of the machine, before the job adds its own. */
  readonly env: Variables;
  readonly vars: Variables;
  readonly inputs?: Variables;
  readonly runId: string;
  /** The machine is lost in this step: it is killed with all that it has started, and no step follows. */
  readonly lostIn?: { readonly step: string; readonly signal: AbortSignal };
}

export interface StepOutcome {
  readonly outcome: 'failure' | 'lost' | 'skipped' | 'success';
  readonly outputs: Variables;
  readonly printed: string;
}

export type JobOutcome = ReadonlyMap<string, StepOutcome>;

export async function runJob(job: Job, options: JobOptions): Promise<JobOutcome> {
  const files = mkdtempSync(join(tmpdir(), 'github-job-'));
  try {
    return await new JobRun(job, options, files).run();
  } finally {
    rmSync(files, { recursive: true, force: true });
  }
}

class JobRun {
  readonly #job: Job;
  readonly #options: JobOptions;
  readonly #files: string;
  readonly #outcomes = new Map<string, StepOutcome>();
  #env: Variables = {};

  constructor(job: Job, options: JobOptions, files: string) {
    this.#job = job;
    this.#options = options;
    this.#files = files;
  }

  async run(): Promise<JobOutcome> {
    for (const [index, step] of this.#job.steps.entries()) {
      const outcome = await this.#step(step);
      this.#outcomes.set(step.id ?? String(index), outcome);
      if (outcome.outcome === 'lost') break;
    }
    return this.#outcomes;
  }

  async #step(step: Step): Promise<StepOutcome> {
    if (!isTrue(step.if, this.#state)) return { outcome: 'skipped', outputs: {}, printed: '' };
    if (step.run === undefined) return { outcome: 'success', outputs: {}, printed: '' };
    const { lostIn } = this.#options;
    const signal = lostIn?.step === step.id ? lostIn?.signal : undefined;
    const { code, printed } = await this.#run(step.run, step.env ?? {}, signal);
    this.#env = { ...this.#env, ...this.#taken('env') };
    const outcome = code === 0 ? 'success' : code === undefined ? 'lost' : 'failure';
    return { outcome, outputs: this.#taken('output'), printed };
  }

  async #run(
    script: string,
    own: Variables,
    lost: AbortSignal | undefined,
  ): Promise<{ readonly code: number | undefined; readonly printed: string }> {
    const file = join(this.#files, 'step.sh');
    writeFileSync(file, script);
    const child = spawn('bash', ['--noprofile', '--norc', '-eo', 'pipefail', file], {
      cwd: this.#options.folder,
      env: this.#environment(own),
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    });
    let printed = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => (printed += text));
    }
    const kill = (): void => {
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
    };
    lost?.addEventListener('abort', kill, { once: true });
    const [code] = (await once(child, 'close')) as [number | null];
    lost?.removeEventListener('abort', kill);
    return { code: code ?? undefined, printed };
  }

  #environment(own: Variables): Variables {
    const given = { ...this.#job.env, ...own };
    const state = this.#state;
    const values = Object.entries(given).map(([name, text]) => [name, filled(text, state)]);
    return {
      ...this.#options.env,
      ...this.#env,
      ...(Object.fromEntries(values) as Variables),
      GITHUB_ENV: this.#file('env'),
      GITHUB_OUTPUT: this.#file('output'),
    };
  }

  get #state(): State {
    const { vars, inputs = {}, runId } = this.#options;
    const steps = Object.fromEntries(
      [...this.#outcomes].map(([id, { outcome, outputs }]) => [id, { outcome, outputs }]),
    );
    const github = {
      repository: 'bytelyst/notes',
      run_attempt: '1',
      run_id: runId,
      server_url: 'https://github.com',
      token: 'a token of the job',
    };
    const hasFailed = [...this.#outcomes.values()].some(({ outcome }) => outcome === 'failure');
    return { contexts: { github, inputs, steps, vars }, hasFailed };
  }

  #file(kind: 'env' | 'output'): string {
    return join(this.#files, kind);
  }

  /** What the step has written for later ones. */
  #taken(kind: 'env' | 'output'): Variables {
    const file = this.#file(kind);
    const lines = existsSync(file) ? readFileSync(file, 'utf8').split('\n') : [];
    rmSync(file, { force: true });
    const pairs = lines.filter(Boolean).map((line) => {
      const [name = '', ...value] = line.split('=');
      return [name, value.join('=')];
    });
    return Object.fromEntries(pairs) as Variables;
  }
}
