/** Two clients that write and read all the time, over the address of the service. @module */
import { setTimeout as sleep } from 'node:timers/promises';
import { NotesTraffic } from '../support/notes-traffic.js';
import type { Answer, RequestOptions } from '../support/running-backend.js';

/** Between two requests of one client. */
const PAUSE_MS = 100;
const LOOK_MS = 5;

/** A rotation over a hundred takes seconds. */
const MOST_NOTES = 60;

/** Not acknowledged, and nothing else: the service says so, or says nothing. */
const REFUSED = /: (no answer|50[23] )/;

export interface ClientsOptions {
  readonly address: string;
  /** For the workspaces w1 and w2, as the service signs now. */
  readonly token: () => Promise<string>;
  readonly marker: string;
  readonly seed: number;
}

export class Clients {
  readonly traffic: NotesTraffic;
  readonly #options: ClientsOptions;
  #mayBeRefused = false;
  #mayBeRewritten = false;
  #mayDelete = true;
  #isOver = false;
  #running: Promise<void> = Promise.resolve();

  constructor(options: ClientsOptions) {
    this.#options = options;
    this.traffic = new NotesTraffic({
      seed: options.seed,
      workspace: 'w2',
      isOrdered: false,
      mostNotes: MOST_NOTES,
      mayBeRewritten: () => this.#mayBeRewritten,
      mayDelete: () => this.#mayDelete,
      marker: options.marker,
      request: (method, path, given) => this.#request(method, path, given),
    });
  }

  /** Answers that no client should have got. */
  get problems(): readonly string[] {
    const { problems } = this.traffic;
    return this.#mayBeRefused
      ? problems.filter((problem) => !REFUSED.test(problem))
      : [...problems];
  }

  /** Requests that the service refused, or did not answer. */
  get refused(): number {
    return this.traffic.problems.filter((problem) => REFUSED.test(problem)).length;
  }

  /** From now on, for the whole world: a service that is down, or is killed, acknowledges nothing. */
  expectRefusals(): void {
    this.#mayBeRefused = true;
  }

  /** From now on, for the whole world: a migration writes notes anew, and clients read them again after a 412. */
  expectRewrites(): void {
    this.#mayBeRewritten = true;
  }

  /** Reads whatever was acknowledged. @returns What is not as it was acknowledged. */
  async readAll(): Promise<readonly string[]> {
    const before = this.traffic.problems.length;
    await this.traffic.readAll();
    return this.traffic.problems.slice(before);
  }

  fill(count: number): Promise<void> {
    return this.traffic.fill(count, 4);
  }

  /**
   * A run that reads a document at the moment of its deletion may name it as failed: its DEK is shredded first.
   * Resolves when no deletion is under way.
   */
  async holdDeletions(): Promise<void> {
    this.#mayDelete = false;
    while (this.traffic.deletions > 0) await sleep(LOOK_MS);
  }

  resumeDeletions(): void {
    this.#mayDelete = true;
  }

  start(): void {
    const isOver = (): boolean => this.#isOver;
    this.#running = this.traffic.byClients(2, isOver);
  }

  /** No request is under way afterwards. */
  async stop(): Promise<void> {
    this.#isOver = true;
    await this.#running;
    this.#isOver = false;
  }

  /** Of no client, in another workspace than theirs. @returns Its id. */
  async createNote(workspace: string): Promise<string> {
    const { marker } = this.#options;
    const body = { title: `Plans ${marker}`, body: `Call the bank ${marker}`, tags: [marker] };
    const path = `/api/notes?workspaceId=${workspace}`;
    const answer = await this.#fetch('POST', path, { body });
    if (answer.status !== 201) throw new Error(`No note was created: ${String(answer.status)}`);
    return (answer.body as { readonly id: string }).id;
  }

  async #request(method: string, path: string, options: RequestOptions): Promise<Answer> {
    if (!this.#isOver) await sleep(PAUSE_MS);
    return this.#fetch(method, path, options);
  }

  async #fetch(method: string, path: string, options: RequestOptions): Promise<Answer> {
    const { headers = {}, body } = options;
    const token = await this.#options.token();
    const response = await fetch(this.#options.address + path, {
      method,
      headers: {
        authorization: `Bearer ${token}`,
        ...(body && { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body && { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    return {
      status: response.status,
      headers: response.headers,
      body: text === '' ? undefined : (JSON.parse(text) as unknown),
    };
  }
}
