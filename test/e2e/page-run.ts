/** Executes sections of a page in the world of their chapter. @module */
import { killingReplica, mayKillReplica, runBeingKilled } from './kills.js';
import type { Ran } from './operator-shell.js';
import { differenceIn } from './printed-text.js';
import type { Block, Given, Section } from './runbook-page.js';
import { situations } from './situations.js';
import type { StoryWorld } from './story-world.js';

/** Commands that store notes again. */
const REWRITES = /encrypt-migrate (encrypt|re-encrypt|remove-encryption|move) /;

export class StepFailed extends Error {
  override readonly name = 'StepFailed';
}

export interface PageRunOptions {
  readonly page: string;
  readonly killsReplicas: boolean;
  readonly log: (text: string) => void;
  /** Whether everything that is printed is logged. */
  readonly show: boolean;
}

export class PageRun {
  readonly #world: StoryWorld;
  readonly #options: PageRunOptions;

  constructor(world: StoryWorld, options: PageRunOptions) {
    this.#world = world;
    this.#options = options;
  }

  /** @throws StepFailed where a block does not do what the page says. */
  async section({ steps }: Section): Promise<void> {
    const { clients } = this.#world;
    let isIncident = false;
    for (const step of steps) {
      await clients.holdDeletions();
      if (step.kind === 'given') {
        isIncident = true;
        await this.#given(step);
      } else {
        if (REWRITES.test(step.code)) clients.expectRewrites();
        if (!isIncident && !step.code.includes('encrypt-migrate')) clients.resumeDeletions();
        await this.#block(step);
      }
    }
  }

  async #given({ name, line }: Given): Promise<void> {
    const place = this.#placeOf(line);
    const situation = situations[name];
    if (!situation) throw new StepFailed(`${place} There is no situation ${name}`);
    this.#options.log(`${place} given ${name}`);
    await situation(this.#world);
  }

  async #block(block: Block): Promise<void> {
    const { log, show } = this.#options;
    const { printed, secrets, shell } = this.#world;
    const place = this.#placeOf(block.line);
    const begin = performance.now();
    const ran = await this.#run(block);
    const seconds = ((performance.now() - begin) / 1_000).toFixed(1);
    log(`${place} ${seconds} s, exit code ${String(ran.exitCode)}`);
    if (show) log(ran.printed);
    printed.push(ran.printed);
    secrets.addVariables(shell.variables());
    const problem = problemOf(block, ran);
    if (problem === undefined) return;
    const shown = `--- the block\n${block.code}\n--- printed\n${ran.printed}`;
    throw new StepFailed(`${place} ${problem}\n${shown}`);
  }

  #run({ code, container, isKilled, kind }: Block): Promise<Ran> {
    const world = this.#world;
    if (kind === 'sql') return world.query(code, container);
    const run = (): Promise<Ran> =>
      isKilled ? runBeingKilled(world, code) : world.shell.run(code);
    const isKilling = this.#options.killsReplicas && mayKillReplica(world, code);
    return isKilling ? killingReplica(world, run) : run();
  }

  #placeOf(line: number): string {
    return `${this.#options.page}:${String(line)}`;
  }
}

function problemOf({ expected, exitCode }: Block, ran: Ran): string | undefined {
  if (ran.exitCode !== exitCode) {
    return `ended with ${String(ran.exitCode)}, and not with ${String(exitCode)}`;
  }
  const difference = expected === undefined ? undefined : differenceIn(ran.printed, expected);
  return difference === undefined ? undefined : `printed something else\n${difference}`;
}
