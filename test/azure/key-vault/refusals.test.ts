import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { MemoryDekStore } from '../../../src/testing/index.js';
import type { FaultAction } from '../../support/azure/key-vault/fault.js';
import { contentsOf, note } from '../../support/encryptor.js';
import { VaultWorld, type Warm } from './vault-world.js';
import { someOf } from '../../support/lane.js';

type Use = 'unwrapKey' | 'wrapKey';

interface Refusal {
  readonly name: string;
  readonly fault: FaultAction;
  readonly code: string;
  readonly problem: (use: Use) => string;
  /** @default both */
  readonly uses?: readonly Use[];
  /** How many requests are refused before it is reported, where the vault has not refused it before. @default 1 */
  readonly requests?: number;
}

const DISABLED = 'was refused: the version is disabled; enable it again, or rotate to another';
const MISSING =
  'found no such version of the key: if it was deleted, recover it; else check vault and name';
const NO_TOKEN = 'was refused: the vault does not accept the token; check tenant and credential';

const REFUSALS: readonly Refusal[] = [
  {
    name: '403 KeyDisabled',
    fault: { status: 403, innerCode: 'KeyDisabled' },
    code: 'MEK_DISABLED',
    problem: () => DISABLED,
  },
  {
    name: '403 that speaks of a disabled key, without an inner code',
    fault: { status: 403, message: 'Operation unwrapKey is not allowed on a disabled key.' },
    code: 'MEK_DISABLED',
    problem: () => DISABLED,
  },
  {
    name: '403 ForbiddenByRbac',
    fault: { status: 403, innerCode: 'ForbiddenByRbac' },
    code: 'KEY_PROVIDER_DENIED',
    problem: (use) =>
      `was refused: give this identity a role with keys/${use}, such as Key Vault Crypto Service Encryption User; a new role takes effect after some minutes`,
  },
  {
    name: '403 ForbiddenByPolicy',
    fault: { status: 403, innerCode: 'ForbiddenByPolicy' },
    code: 'KEY_PROVIDER_DENIED',
    problem: (use) => `was refused: add keys/${use} to the vault's access policy for this identity`,
  },
  {
    name: '403 ForbiddenByFirewall',
    fault: { status: 403, innerCode: 'ForbiddenByFirewall' },
    code: 'KEY_PROVIDER_DENIED',
    problem: () =>
      "was refused by the vault's firewall: allow this network, or use a private endpoint",
  },
  {
    name: '403 without an inner code',
    fault: { status: 403 },
    code: 'KEY_PROVIDER_DENIED',
    problem: (use) => `was refused: this identity needs the permission keys/${use}`,
  },
  {
    name: '403 without any body',
    fault: { body: '', status: 403 },
    code: 'KEY_PROVIDER_DENIED',
    problem: (use) => `was refused: this identity needs the permission keys/${use}`,
  },
  {
    name: '403 KeyOperationForbidden',
    fault: { status: 403, innerCode: 'KeyOperationForbidden' },
    code: 'MEK_UNSUPPORTED',
    problem: (use) => `was refused: add ${use} to the key's permitted operations`,
  },
  {
    name: '403 for the dates of the version',
    fault: { status: 403, innerCode: 'KeyNotYetValidOrExpired' },
    code: 'MEK_NOT_VALID_NOW',
    problem: () => 'was refused: the version is expired or not yet valid; rotate to another',
    uses: ['wrapKey'],
  },
  {
    name: '403 that speaks of an expired key, without an inner code',
    fault: { status: 403, message: 'Operation wrapKey is not allowed on an expired key.' },
    code: 'MEK_NOT_VALID_NOW',
    problem: () => 'was refused: the version is expired or not yet valid; rotate to another',
    uses: ['wrapKey'],
  },
  {
    name: '404 KeyNotFound',
    fault: { status: 404 },
    code: 'MEK_VERSION_UNKNOWN',
    problem: () => MISSING,
  },
  {
    name: '409 ObjectIsDeletedButRecoverable',
    fault: { status: 409, innerCode: 'ObjectIsDeletedButRecoverable' },
    code: 'MEK_VERSION_UNKNOWN',
    problem: () => MISSING,
  },
  {
    name: '409 whose outer code is ObjectIsDeletedButRecoverable',
    fault: { status: 409, code: 'ObjectIsDeletedButRecoverable' },
    code: 'MEK_VERSION_UNKNOWN',
    problem: () => MISSING,
  },
  {
    name: '400 BadParameter of a wrap',
    fault: { status: 400, message: 'The algorithm does not go with the key.' },
    code: 'MEK_UNSUPPORTED',
    problem: () => 'was refused as a bad request: the key does not fit the wrap algorithm',
    uses: ['wrapKey'],
  },
  {
    name: '400 BadParameter of an unwrap',
    fault: { status: 400, message: 'Error occurred while decoding OAEP padding.' },
    code: 'WRAP_REJECTED',
    problem: () => 'was refused: that version did not make this wrap, or the wrap was changed',
    uses: ['unwrapKey'],
  },
  {
    name: '401 that asks for nothing',
    fault: { status: 401 },
    code: 'KEY_PROVIDER_DENIED',
    problem: () => NO_TOKEN,
    requests: 2, // the other one with a fresh token
  },
  {
    name: 'a status that no key vault has',
    fault: { status: 418 },
    code: 'KEY_PROVIDER_FAILED',
    problem: () => 'failed with status 418: see the cause',
  },
];

let world: VaultWorld;
let second: string;

beforeAll(async () => {
  world = await VaultWorld.start();
  second = await world.rotate();
});

afterEach(() => {
  world.reset();
});

afterAll(() => world.stop());

function call({ provider, dek, wrap }: Warm, use: Use): Promise<unknown> {
  return use === 'wrapKey'
    ? provider.wrapKey(dek, { mekVersion: world.first })
    : provider.unwrapKey(wrap);
}

describe.each(REFUSALS)('$name', (refusal) => {
  const isOneOfSome = someOf(REFUSALS, 2).includes(refusal);
  const { fault, code, problem, uses = ['wrapKey', 'unwrapKey'], requests = 1 } = refusal;

  it('is reported after as few requests as possible, and ends when the vault works again', async () => {
    const warm = await world.warm();
    for (const use of uses) {
      world.fault(fault, use);
      expect(await world.failure(call(warm, use))).toEqual({
        code,
        message: `${use} on ${world.address(world.first)} ${problem(use)}`,
        retryable: false,
      });
      const asked = world.server.requests.map(({ operation }) => operation);
      expect(asked).toEqual(Array.from({ length: requests }, () => use));
      expect(world.clock.sleeps).toEqual([]);
      world.server.clearScript();
      await call(warm, use);
      world.forget();
    }
  });

  it.runIf(isOneOfSome)(
    'leaves no trace in the store, whether a DEK is made, a rotation begun or under way',
    async () => {
      const provider = world.provider({ mekVersion: world.first });
      const product = await world.product(provider);
      const { memory, encryptor } = product;
      const target = { mekVersion: second };
      const fresh = { workspaceId: 'w', id: 'new', body: 'text' };
      for (const use of uses) {
        world.fault(fault, use);
        const begun = (): Promise<unknown> => world.rewrap(encryptor, { target });
        const sealed = (): Promise<unknown> => encryptor.encryptDocument(note, fresh);
        await world.expectNothingWritten(memory, code, begun);
        if (use === 'wrapKey') await world.expectNothingWritten(memory, code, sealed);
        world.server.clearScript();
      }

      const [use = 'wrapKey'] = uses;
      const before = await world.rows(memory);
      let seen = 0;
      // Before a rotation begins there is a round trip, and a row is opened.
      const spared = use === 'unwrapKey' ? 2 : 1;
      world.fault(fault, ({ operation }) => operation === use && ++seen > spared);
      const { summary, errors } = await world.rewrap(encryptor, { target });
      expect(summary).toMatchObject({ complete: false, changed: 0, failed: 3 });
      const expected = code === 'WRAP_REJECTED' ? 'TAMPERED' : code;
      for (const error of errors) expect(error).toMatchObject({ code: expected });
      expect(await world.rows(memory)).toEqual(before);

      world.server.clearScript();
      const rerun = await world.rewrap(encryptor, { target });
      expect(rerun.summary).toMatchObject({ complete: true, changed: 3, failed: 0 });
      await world.expectReadable(product, provider);
    },
  );
});

const LOOKS: readonly (Omit<Refusal, 'problem' | 'uses'> & { readonly message: string })[] = [
  {
    name: '403 KeyDisabled',
    fault: { status: 403, innerCode: 'KeyDisabled' },
    code: 'MEK_DISABLED',
    message: DISABLED,
  },
  {
    name: '404 KeyNotFound',
    fault: { status: 404 },
    code: 'MEK_VERSION_UNKNOWN',
    message: 'found no such key: if it was deleted, recover it; else check vault and name',
  },
  {
    name: '401 that asks for nothing',
    fault: { status: 401 },
    code: 'KEY_PROVIDER_DENIED',
    message: NO_TOKEN,
    requests: 2,
  },
  {
    name: '403 ForbiddenByFirewall',
    fault: { status: 403, innerCode: 'ForbiddenByFirewall' },
    code: 'KEY_PROVIDER_DENIED',
    message: "was refused by the vault's firewall: allow this network, or use a private endpoint",
  },
];

describe('looking up the current version', () => {
  it.each(LOOKS)(
    'fails with $name in its own words, and a new product writes nothing',
    async (each) => {
      const { fault, code, message, requests = 1 } = each;
      world.fault(fault, 'get');
      const provider = world.provider();
      expect(await world.failure(provider.currentVersion())).toEqual({
        code,
        message: `get on ${world.address()} ${message}`,
        retryable: false,
      });
      expect(world.server.count('get')).toBe(1 + requests); // one of them without a token
      const memory = new MemoryDekStore();
      const encryptor = world.encryptor(memory, provider);
      const fresh = { workspaceId: 'w', id: 'new', body: 'text' };
      await world.expectNothingWritten(memory, code, () => encryptor.encryptDocument(note, fresh));
      expect(await contentsOf(memory)).toEqual({ items: [], rotation: undefined });
      expect(world.server.count('wrapKey')).toBe(0);
    },
  );
});
