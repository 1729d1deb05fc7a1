/** What `kubectl` asks of the cluster, and how the real one answers in the common case. @module */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import type { Deployment } from './deployment.js';
import type { MountedSecrets } from './mounted-secrets.js';

interface Asked {
  readonly words: readonly string[];
  readonly input: string;
}

export interface Answered {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

const NAME = 'notes-backend';
const TARGETS = [`deployment/${NAME}`, `deploy/${NAME}`];

export class Cluster {
  readonly #deployment: Deployment;
  readonly #secrets: MountedSecrets;
  readonly #server: Server;
  /** By tag: the folder of a build. */
  readonly #images = new Map<string, string>();

  constructor(deployment: Deployment, secrets: MountedSecrets) {
    this.#deployment = deployment;
    this.#secrets = secrets;
    this.#server = createServer((request, response) => {
      void text(request).then(async (body) => {
        const answer = await this.#answer(JSON.parse(body) as Asked);
        response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(answer));
      });
    });
  }

  /** @returns Its address. */
  async start(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${String((this.#server.address() as AddressInfo).port)}`;
  }

  addImage(tag: string, folder: string): void {
    this.#images.set(tag, folder);
  }

  stop(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }

  async #answer({ words }: Asked): Promise<Answered> {
    const [verb = '', ...rest] = words;
    const known = this.#verbs[verb];
    this.#secrets.poll();
    try {
      return known ? await known(rest) : refused(`error: unknown command "${verb}" for "kubectl"`);
    } catch (error) {
      return refused(`error: ${error instanceof Error ? error.message : String(error)}`);
    }
  }

  readonly #verbs: Readonly<
    Record<string, (words: readonly string[]) => Answered | Promise<Answered>>
  > = {
    set: ([what, target, ...values]) => {
      if (what === 'image') {
        requireTarget(target);
        const tag = values.join(' ').replace(/^.*:/, '');
        const folder = this.#images.get(tag);
        if (folder === undefined) throw new Error(`image ${tag} not found`);
        this.#deployment.setFolder(folder);
        return done(`deployment.apps/${NAME} image updated`);
      }
      if (what !== 'env') throw new Error(`unknown command "${String(what)}"`);
      requireTarget(target);
      const isChanged = this.#deployment.setEnv(variablesIn(values));
      return done(isChanged ? `deployment.apps/${NAME} env updated` : '');
    },
    rollout: async ([what, target]) => {
      requireTarget(target);
      if (what === 'restart') {
        const isChanged = this.#deployment.setEnv(this.#secrets.variables());
        if (!isChanged) this.#deployment.restart();
        return done(`deployment.apps/${NAME} restarted`);
      }
      if (what === 'pause' || what === 'resume') {
        if (what === 'pause') this.#deployment.pause();
        else this.#deployment.resume();
        return done(`deployment.apps/${NAME} ${what}d`);
      }
      if (what === 'undo') {
        this.#deployment.undo();
        return done(`deployment.apps/${NAME} rolled back`);
      }
      if (what !== 'status') throw new Error(`unknown command "${String(what)}"`);
      return (await this.#deployment.rolledOut())
        ? done(`deployment "${NAME}" successfully rolled out`)
        : refused(`error: deployment "${NAME}" exceeded its progress deadline`);
    },
    scale: async (words) => {
      const target = words.find((word) => !word.startsWith('-'));
      requireTarget(target);
      const replicas = /^--replicas=(\d+)$/.exec(
        words.join(' ').replace(String(target), '').trim(),
      )?.[1];
      if (replicas === undefined) throw new Error('required flag(s) "replicas" not set');
      this.#deployment.scale(Number(replicas));
      await this.#deployment.rolledOut();
      return done(`deployment.apps/${NAME} scaled`);
    },
    get: ([what, ...options]) => {
      const path = options.find((word) => word.startsWith('jsonpath=')) ?? '';
      if (what === 'serviceaccount' && path.includes('identity/client-id'))
        return done(this.#secrets.clientId);
      if (what === 'pods' && path.includes('identity/use'))
        return done(
          this.#deployment
            .pods()
            .map(() => 'true')
            .join('\n'),
        );
      if (what === 'secretproviderclasspodstatus') return done(this.#secrets.status().join('\n'));
      if (what !== 'pods' && what !== 'pod')
        throw new Error(`the server doesn't have a resource type "${String(what)}"`);
      const pods = this.#deployment.pods();
      if (options.slice(-2).join(' ') === '-o name')
        return done(pods.map(({ name }) => `pod/${name}`).join('\n'));
      const lines = pods.map(({ name, status, isReady }) =>
        [name.padEnd(24), isReady ? '1/1  ' : '0/1  ', status.padEnd(16), '0       ', '10s'].join(
          '   ',
        ),
      );
      const head = ['NAME'.padEnd(24), 'READY', 'STATUS'.padEnd(16), 'RESTARTS', 'AGE'].join('   ');
      return lines.length === 0
        ? { exitCode: 0, stdout: '', stderr: 'No resources found in default namespace.\n' }
        : done([head, ...lines].join('\n'));
    },
    exec: async ([target = '', ...words]) => {
      const [program, ...names] = words[0] === '--' ? words.slice(1) : words;
      if (target.startsWith('pod/') && words.slice(1).join(' ') === 'sh -c kill -HUP 1') {
        await this.#deployment.hangUp(target.slice('pod/'.length));
        return done('');
      }
      requireTarget(target);
      if (program !== 'printenv')
        throw new Error(`exec: "${String(program)}": not in the stand-in`);
      const { env } = this.#deployment;
      const values = names.flatMap((name) => (name in env ? [`${String(env[name])}\n`] : []));
      const exitCode = values.length === names.length ? 0 : 1;
      return { exitCode, stdout: values.join(''), stderr: '' };
    },
    wait: async () => {
      await this.#deployment.settled();
      return done(
        this.#deployment
          .pods()
          .map(({ name }) => `pod/${name} condition met`)
          .join('\n'),
      );
    },
    logs: (words) => {
      const tail = /--tail=(\d+)/.exec(words.join(' '))?.[1];
      const lines =
        tail === undefined
          ? this.#deployment.log
          : this.#deployment.replicas.flatMap(({ log }) => log.slice(-Number(tail)));
      return done(lines.map((line) => JSON.stringify(line)).join('\n'));
    },
  };
}

function requireTarget(target: string | undefined): void {
  if (target !== undefined && TARGETS.includes(target)) return;
  throw new Error(`deployments.apps "${String(target)}" not found`);
}

/** `NAME=value` sets, `NAME-` removes. */
function variablesIn(words: readonly string[]): Readonly<Record<string, string | undefined>> {
  const pairs = words.map((word): [string, string | undefined] => {
    const [, name = '', value] = /^(\w+)=([^]*)$/.exec(word) ?? [];
    if (name !== '') return [name, value];
    const removed = /^(\w+)-$/.exec(word)?.[1];
    if (removed === undefined) throw new Error(`invalid argument "${word}"`);
    return [removed, undefined];
  });
  return Object.fromEntries(pairs);
}

function done(stdout: string): Answered {
  return { exitCode: 0, stdout: stdout === '' ? '' : `${stdout}\n`, stderr: '' };
}

function refused(problem: string): Answered {
  return { exitCode: 1, stdout: '', stderr: `${problem}\n` };
}
