/** Replicas of the backend behind one address, which are replaced one after the other, as a cluster does. @module */
import {
  createServer,
  request as send,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { RunningBackend, type LogLine, type Variables } from '../support/running-backend.js';

const LOOK_MS = 50;

interface Replica {
  readonly name: string;
  readonly revision: number;
  readonly backend: RunningBackend;
  /** Whether requests are sent to it. */
  isReady: boolean;
  /** How many requests it has. */
  requests: number;
  exit: number | string | undefined;
}

export interface PodLine {
  readonly name: string;
  readonly status: string;
  readonly isReady: boolean;
}

/** What one rollout brings. */
interface Revision {
  readonly env: Variables;
  /** Of the project, with its build. */
  readonly folder: string;
}

export class Deployment {
  readonly #server: Server;
  readonly #all: Replica[] = [];
  /** The last one is wanted. */
  readonly #revisions: Revision[];
  #wanted: number;
  #live: Replica[] = [];
  #turn = 0;
  #rollout: Promise<boolean> = Promise.resolve(true);
  #isRolling = false;
  #isPaused = false;
  /** Whether a rollout waits to be resumed. */
  #isHeld = false;

  constructor(folder: string, env: Variables, replicas: number) {
    this.#revisions = [{ env, folder }];
    this.#wanted = replicas;
    this.#server = createServer((incoming, outgoing) => {
      void this.#forward(incoming, outgoing);
    });
  }

  async start(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    this.#begin();
    if (!(await this.#rollout)) throw new Error(`No replica became ready: ${this.stderr}`);
  }

  get address(): string {
    return `http://127.0.0.1:${String((this.#server.address() as AddressInfo).port)}`;
  }

  /** Of all revisions. */
  get envs(): readonly Variables[] {
    return this.#revisions.map(({ env }) => env);
  }

  get env(): Variables {
    return this.#revision.env;
  }

  /** Of all replicas there have been. */
  get log(): readonly LogLine[] {
    return this.#all.flatMap(({ backend }) => backend.log);
  }

  get stderr(): string {
    return this.#all.map(({ backend }) => backend.stderr).join('');
  }

  /** Those that serve, or should. */
  get replicas(): readonly RunningBackend[] {
    return this.#live.map(({ backend }) => backend);
  }

  get replicaCount(): number {
    return this.#wanted;
  }

  pods(): readonly PodLine[] {
    return this.#live.map(({ name, isReady, exit }) => ({
      name,
      isReady,
      status: exit === undefined ? 'Running' : 'CrashLoopBackOff',
    }));
  }

  /** `undefined` removes a variable. Begins to replace all replicas. @returns Whether anything changed. */
  setEnv(changes: Readonly<Record<string, string | undefined>>): boolean {
    const changed = Object.entries({ ...this.env, ...changes }).filter(
      (entry): entry is [string, string] => entry[1] !== undefined,
    );
    const env = Object.fromEntries(changed);
    if (JSON.stringify(env) === JSON.stringify(this.env)) return false;
    this.#begin({ ...this.#revision, env });
    return true;
  }

  /** Begins to replace all replicas by those of another build. */
  setFolder(folder: string): void {
    this.#begin({ ...this.#revision, folder });
  }

  restart(): void {
    this.#begin(this.#revision);
  }

  undo(): void {
    this.#begin(this.#revisions.at(-2) ?? this.#revision);
  }

  scale(replicas: number): void {
    this.#wanted = replicas;
    this.#begin();
  }

  /** Resolves where no replica is being replaced: all are done, or the rest waits. */
  async settled(): Promise<void> {
    while (this.#isRolling && !this.#isHeld) await sleep(LOOK_MS);
  }

  /** The replica that is being replaced is the last one until `resume`. */
  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
  }

  /** Whether the replicas are those that are wanted. */
  rolledOut(): Promise<boolean> {
    return this.#rollout;
  }

  /** Kills a replica, and starts another in its place. */
  async kill(index: number): Promise<void> {
    await this.#rollout;
    const replica = this.#live[index % this.#live.length];
    replica?.backend.signal('SIGKILL');
    await replica?.backend.ended;
    this.#begin();
    await this.#rollout;
  }

  /** Until it has read the keys of tokens again, or has said why not. */
  async hangUp(name: string): Promise<void> {
    const replica = this.#live.find((each) => each.name === name);
    if (!replica) throw new Error(`pods "${name}" not found`);
    const { backend } = replica;
    const count = (): number =>
      backend.log.filter(({ msg }) => String(msg).startsWith('The keys of tokens')).length;
    const before = count();
    backend.signal('SIGHUP');
    while (count() === before && replica.exit === undefined) await sleep(LOOK_MS);
  }

  async stop(): Promise<void> {
    this.#isPaused = false;
    this.#wanted = 0;
    this.#begin();
    await this.#rollout;
    for (const { backend } of this.#all) backend.signal('SIGKILL');
    this.#server.closeAllConnections();
    this.#server.close();
  }

  get #revision(): Revision {
    const last = this.#revisions.at(-1);
    if (!last) throw new Error('There is no revision');
    return last;
  }

  #begin(revision?: Revision): void {
    if (revision) this.#revisions.push(revision);
    const roll = async (): Promise<boolean> => {
      this.#isRolling = true;
      try {
        return await this.#roll();
      } finally {
        this.#isRolling = false;
      }
    };
    this.#isRolling = true;
    this.#rollout = this.#rollout.then(roll, roll);
  }

  async #untilResumed(): Promise<void> {
    this.#isHeld = this.#isPaused;
    while (this.#isPaused) await sleep(LOOK_MS);
    this.#isHeld = false;
  }

  /** A new one is ready before an old one ends. */
  async #roll(): Promise<boolean> {
    const revision = this.#revisions.length;
    this.#live = this.#live.filter(({ exit }) => exit === undefined);
    const old = this.#live.filter((each) => each.revision !== revision);
    let current = this.#live.length - old.length;
    for (; current < this.#wanted; current += 1) {
      if (!(await this.#add(revision))) return false;
      await this.#remove(old.shift());
      if (old.length > 0) await this.#untilResumed();
    }
    for (const each of old) await this.#remove(each);
    for (const each of this.#live.slice(this.#wanted)) await this.#remove(each);
    return true;
  }

  async #add(revision: number): Promise<boolean> {
    const { env, folder } = this.#revision;
    const backend = new RunningBackend(env, {
      folder,
      program: ['dist/main.js'],
    });
    const name = `notes-backend-${String(revision)}-${String(this.#all.length)}`;
    const replica: Replica = {
      name,
      revision,
      backend,
      isReady: false,
      requests: 0,
      exit: undefined,
    };
    void backend.ended.then((exit) => {
      replica.exit = exit;
      replica.isReady = false;
    });
    this.#all.push(replica);
    this.#live.push(replica);
    try {
      await backend.untilListening();
    } catch {
      return false;
    }
    while (replica.exit === undefined) {
      const { status } = await backend
        .request('GET', '/api/diagnostics/readiness')
        .catch(() => ({ status: 0 }));
      if (status === 200) {
        replica.isReady = true;
        return true;
      }
      await sleep(LOOK_MS);
    }
    return false;
  }

  async #remove(replica: Replica | undefined): Promise<void> {
    if (!replica) return;
    replica.isReady = false;
    // In production, SHUTDOWN_DELAY_MS is the time that this takes.
    while (replica.requests > 0 && replica.exit === undefined) await sleep(LOOK_MS);
    replica.backend.signal('SIGTERM');
    await replica.backend.ended;
    this.#live = this.#live.filter((each) => each !== replica);
  }

  /** Of those that are ready now, one after the other. */
  #next(tried: ReadonlySet<Replica>): Replica | undefined {
    const ready = this.#live.filter((each) => each.isReady && !tried.has(each));
    this.#turn += 1;
    return ready[this.#turn % ready.length];
  }

  /** What a replica did not accept, another one gets. */
  async #forward(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of incoming) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks);
    const tried = new Set<Replica>();
    for (let next = this.#next(tried); next; next = this.#next(tried)) {
      tried.add(next);
      next.requests += 1;
      const isAnswered = await forwardedTo(next.backend.address, { incoming, outgoing, body });
      next.requests -= 1;
      if (isAnswered) return;
    }
    if (!outgoing.headersSent) {
      outgoing.writeHead(503, { 'content-type': 'application/json' }).end('{"type":"no-replica"}');
    }
  }
}

interface Exchange {
  readonly incoming: IncomingMessage;
  readonly outgoing: ServerResponse;
  readonly body: Buffer;
}

/** @returns Whether the replica got it, whatever came of it. */
function forwardedTo(address: string, { incoming, outgoing, body }: Exchange): Promise<boolean> {
  return new Promise((resolve) => {
    const { method, url, headers } = incoming;
    const own = { ...headers, connection: 'close' };
    const forwarded = send(new URL(url ?? '/', address), { method, headers: own, agent: false });
    forwarded.on('response', (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(outgoing);
      answer.on('error', () => outgoing.destroy());
      answer.on('close', () => {
        resolve(true);
      });
    });
    forwarded.on('error', (error: NodeJS.ErrnoException) => {
      const wasRefused = error.code === 'ECONNREFUSED';
      if (!wasRefused && outgoing.headersSent) outgoing.destroy();
      else if (!wasRefused) {
        outgoing
          .writeHead(502, { 'content-type': 'application/json' })
          .end('{"type":"bad-gateway"}');
      }
      resolve(!wasRefused);
    });
    forwarded.end(body);
  });
}
