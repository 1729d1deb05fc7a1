import { ScriptProcess } from './script-process.js';

export type TrafficMoment = 'begun' | 'finished';

/** What the second process did, as it says itself. */
export interface TrafficReport {
  readonly pid: number;
  readonly reads: number;
  readonly writes: number;
  readonly failures: number;
  readonly readsDuringRotation: number;
  readonly writesDuringRotation: number;
  /** By MEK version. */
  readonly unwraps: Readonly<Record<string, number>>;
}

/** The second process, as the first sees it. */
export class LiveTraffic {
  readonly #process: ScriptProcess;

  private constructor(process: ScriptProcess) {
    this.#process = process;
  }

  /** Resolves once the process reads and writes. */
  static async start(
    place: string,
    journal: string,
    env: Readonly<NodeJS.ProcessEnv>,
  ): Promise<LiveTraffic> {
    const process = new ScriptProcess('second-process.ts', [place, journal], env);
    await process.nextLine();
    return new LiveTraffic(process);
  }

  /** Aborts when the process ends. */
  get ended(): AbortSignal {
    return this.#process.ended;
  }

  /** Has it note what it has done so far. */
  mark(moment: TrafficMoment): void {
    this.#process.say(moment);
  }

  /** Has it finish what it is doing, and report. */
  async stop(): Promise<TrafficReport> {
    this.#process.hangUp();
    return JSON.parse(await this.#process.nextLine()) as TrafficReport;
  }
}
