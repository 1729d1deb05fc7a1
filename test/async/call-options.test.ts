import { getEventListeners } from 'node:events';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DocumentWrite } from '../../src/cipher/document-write.js';
import { OpenDocument } from '../../src/cipher/open-document.js';
import { FieldEncryptor } from '../../src/encryptor/field-encryptor.js';
import * as core from '../../src/index.js';
import {
  callWorld,
  type AbortableCall,
  type CallWorld,
  type Part,
} from '../support/abortable-calls/abortable-call.js';
import { METHOD_CALLS } from '../support/abortable-calls/method-calls.js';
import { RUN_CALLS } from '../support/abortable-calls/run-calls.js';
import { deferred, turn } from '../support/deferred.js';
import { rejection } from '../support/failure.js';
import { ended } from '../support/rotations.js';

/** Functions of the package that use no store and no key service. */
const WITHOUT_IO = [
  'authenticateRecords',
  'beginAuditedOperation',
  'createFieldEncryptor',
  'defineDocument',
  'defineUntypedDocument',
  'isFieldEncryptionError',
];
/** Those of methods; `sealAgainOver` is the library's own, and `close` waits for the audit sink alone. */
const METHODS_WITHOUT_IO = [
  'FieldEncryptor.close',
  'DocumentWrite.hasLandedIn',
  'DocumentWrite.sealAgainOver',
  'OpenDocument.open',
  'OpenDocument.seal',
];

const CALLS = [...METHOD_CALLS, ...RUN_CALLS];
const PARTS: readonly Part[] = ['store', 'vault', 'documents'];
const IS_WRITE = /^(create|replace|delete)/;
const GRACE_MS = 1_000;

let controller: AbortController;
let signal: AbortSignal;

beforeEach(() => {
  controller = new AbortController();
  ({ signal } = controller);
});

afterEach(async () => {
  await turn();
  expect(getEventListeners(signal, 'abort')).toEqual([]);
});

/** Calls so far, by part, of those that were called at all. */
function callsIn({ probes }: CallWorld): Record<string, Record<string, number>> {
  const calls = PARTS.map((part) => [part, { ...probes[part].calls }] as const);
  return Object.fromEntries(calls.filter(([, made]) => Object.keys(made).length > 0));
}

interface Arranged {
  readonly world: CallWorld;
  readonly call: (options: core.CallOptions) => Promise<unknown>;
}

async function arranged(of: AbortableCall): Promise<Arranged> {
  const world = await callWorld(of);
  const call = await ended(Promise.resolve(of.ready(world)), world.made.clock);
  for (const part of PARTS) world.probes[part].reset();
  return { world, call };
}

interface Hung {
  readonly world: CallWorld;
  readonly outcome: Promise<unknown>;
  readonly release: () => void;
}

/** Calls, and lets it run up to the first call of a part that is never answered. */
async function hung(
  of: AbortableCall,
  part: Part,
  isHung: (method: string) => boolean,
): Promise<Hung> {
  const { world, call } = await arranged(of);
  const gate = deferred();
  const progress = { isReached: false };
  world.probes[part].before = (method) => {
    if (!isHung(method)) return undefined;
    progress.isReached = true;
    return gate.promise;
  };
  const outcome = rejection(call({ signal }));
  const { clock } = world.made;
  for (let turns = 0; !progress.isReached && turns < 1_000; turns += 1) {
    await turn();
    if (clock.sleeping > 0) clock.advance(500);
  }
  expect(progress.isReached).toBe(true);
  return {
    world,
    outcome,
    release: () => {
      gate.resolve();
    },
  };
}

/** Aborts, and looks at how the call ends while what it waits for does not. */
async function expectAborted(of: AbortableCall, { world, outcome, release }: Hung): Promise<void> {
  const ways: unknown[] = [];
  void outcome.then((error) => ways.push(error));
  await turn();
  expect(ways).toEqual([]);
  controller.abort(new Error('enough'));
  if (of.isRun) await world.made.clock.run(GRACE_MS);
  await turn();
  expect(ways).toEqual([signal.reason]);
  expect(getEventListeners(signal, 'abort')).toEqual([]);
  const before = callsIn(world);
  release();
  for (let turns = 0; turns < 20; turns += 1) await turn();
  if (!of.isShared) expect(withoutLease(callsIn(world))).toEqual(withoutLease(before));
}

/** The inherited ones too. */
function methodsOf(prototype: object): readonly string[] {
  if (prototype === Object.prototype) return [];
  const own = Object.entries(Object.getOwnPropertyDescriptors(prototype))
    .filter(([name, { value }]) => name !== 'constructor' && typeof value === 'function')
    .map(([name]) => name);
  return [...own, ...methodsOf(Object.getPrototypeOf(prototype) as object)];
}

/** A run gives its lease back when what it had in flight has ended. */
function withoutLease(calls: Record<string, Record<string, number>>): unknown {
  return Object.entries(calls).map(([part, made]) => [
    part,
    Object.entries(made).filter(([method]) => !method.endsWith('Lease')),
  ]);
}

describe('the table of calls that take a signal', () => {
  it('knows every function of the package', () => {
    const functions = Object.entries(core).filter(
      ([, value]) => typeof value === 'function' && !/^class\b/.test(String(value)),
    );
    const known = [...WITHOUT_IO, ...RUN_CALLS.map(({ of }) => of)];
    expect(functions.map(([name]) => name).sort()).toEqual(known.sort());
  });

  it('knows every method of an encryptor and of what its methods give', () => {
    const methods = [FieldEncryptor, DocumentWrite, OpenDocument].flatMap((of) =>
      methodsOf(of.prototype).map((name) => `${of.name}.${name}`),
    );
    const known = [...METHODS_WITHOUT_IO, ...METHOD_CALLS.map(({ of }) => of)];
    expect(methods.sort()).toEqual(known.sort());
  });
});

describe.each(CALLS)('$of', (of) => {
  it(`asks something of ${of.uses.join(', ')} alone`, async () => {
    const { world, call } = await arranged(of);
    await ended(call({ signal }), world.made.clock);
    expect(Object.keys(callsIn(world)).sort()).toEqual([...of.uses].sort());
  });

  it('sends nothing where the signal has aborted before', async () => {
    const { world, call } = await arranged(of);
    controller.abort(new Error('enough'));
    expect(await rejection(call({ signal }))).toBe(signal.reason);
    expect(callsIn(world)).toEqual({});
  });

  it.each(of.uses)('ends when it aborts while %s does not answer', async (part) => {
    await expectAborted(of, await hung(of, part, () => true));
  });

  it('ends when it aborts while no write is answered', async () => {
    const { world, call } = await arranged(of);
    await ended(call({ signal }), world.made.clock);
    const writes = Object.entries(callsIn(world)).filter(([, made]) =>
      Object.keys(made).some((method) => IS_WRITE.test(method)),
    );
    for (const [part] of writes) {
      controller = new AbortController();
      ({ signal } = controller);
      await expectAborted(of, await hung(of, part as Part, (method) => IS_WRITE.test(method)));
    }
  });

  it('refuses what is no signal, and options that it does not have', async () => {
    const { call } = await arranged(of);
    expect(await rejection(call({ signal: {} as never }))).toMatchObject({
      message: '"signal" expected an AbortSignal, got an object',
    });
    const { message } = (await rejection(call({ signall: signal } as never))) as Error;
    expect(message).toMatch(/^"signall" is no option: expected .*; did you mean "signal"\?$/);
  });
});
