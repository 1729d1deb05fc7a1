/** What the modes that only read ask for: everything else is denied here. */
import { randomBytes } from 'node:crypto';
import { createFieldEncryptor, EnvKeyProvider, registerDefinitions } from '@bytelyst/field-encrypt';
import { MemoryDekStore, MemoryDocumentStore } from '@bytelyst/field-encrypt/testing';
import { beforeEach, describe, expect, it } from 'vitest';
import type { ModeModule } from '../../../command/modes/mode.js';
import { modeOf, type ModeName } from '../../../command/modes/mode-table.js';
import * as definitions from '../../../command/modes/definitions.js';
import * as doctor from '../../../command/modes/doctor.js';
import * as preflight from '../../../command/modes/preflight.js';
import * as retireCheck from '../../../command/modes/retire-check.js';
import * as status from '../../../command/modes/status.js';
import * as verify from '../../../command/modes/verify.js';
import { outcomeOf, productOf } from '../../support/command-mode.js';
import { noteDefinition, noteOf, PRODUCT } from '../../support/command-world.js';

const [OLD, NEW] = [randomBytes(32).toString('hex'), randomBytes(32).toString('hex')];
const KEY_CALLS = ['wrapKey', 'unwrapKey', 'currentVersion'];
const DEK_WRITES = ['create', 'replace', 'createItem', 'replaceItem', 'deleteItem'];
const DOCUMENT_WRITES = ['create', 'replace', 'delete'];
const DOCUMENT_CALLS = [...DOCUMENT_WRITES, 'get', 'list', 'count'];

let stores: { readonly deks: MemoryDekStore; readonly notes: MemoryDocumentStore };

beforeEach(async () => {
  stores = {
    deks: new MemoryDekStore(),
    notes: new MemoryDocumentStore({ key: noteDefinition.key }),
  };
  const { deks, notes } = stores;
  const keyProviders = [new EnvKeyProvider({ key: OLD })];
  const parts = { product: PRODUCT, keyProviders, dekStore: deks, fenceTtlMs: 1_000 };
  const encryptor = createFieldEncryptor(parts);
  await registerDefinitions(encryptor, [noteDefinition]);
  for (const number of [1, 2, 3]) {
    await notes.create(await encryptor.encryptDocument(noteDefinition, noteOf(number)));
  }
});

interface Denial {
  readonly calls: readonly string[];
  readonly tried: string[];
}

/** The same object, whose denied methods reject, and are noted. */
function without<Target extends object>(target: Target, { calls, tried }: Denial): Target {
  return new Proxy(target, {
    get: (_, name) => {
      const value = Reflect.get(target, name) as unknown;
      if (typeof value !== 'function') return value;
      if (!calls.includes(String(name))) return value.bind(target) as unknown;
      return () => {
        tried.push(String(name));
        return Promise.reject(new Error(`${String(name)} is denied`));
      };
    },
  });
}

async function versionOf(key: string): Promise<string> {
  return new EnvKeyProvider({ key }).currentVersion();
}

const MODES: readonly [ModeName, ModeModule, readonly string[]][] = [
  ['status', status, []],
  ['preflight', preflight, ['--new-mek-version', 'NEW']],
  ['verify', verify, ['--open-wraps']],
  ['retire-check', retireCheck, ['--mek-version', 'OLD', '--soak', '1h', '--backup-window', '1d']],
  ['definitions', definitions, []],
  ['doctor', doctor, []],
];

interface Denied {
  readonly keys: readonly string[];
  readonly documents: readonly string[];
}

type Call = readonly [ModeName, ModeModule, readonly string[]];

/** Writes to the DEK store are denied always. @returns The outcome, and which denied calls were tried. */
async function calling([mode, module, flags]: Call, { keys, documents }: Denied) {
  const tried: string[] = [];
  const provider = new EnvKeyProvider({ key: NEW, previousKeys: [OLD] });
  const documentStore = without(stores.notes, { calls: documents, tried });
  const opened = productOf(PRODUCT, {
    provider: without(provider, { calls: keys, tried }),
    dekStore: without(stores.deks, { calls: DEK_WRITES, tried }),
    documentStore,
    definition: noteDefinition,
  });
  const versions = new Map([
    ['OLD', await versionOf(OLD)],
    ['NEW', await versionOf(NEW)],
  ]);
  const args = [mode, ...flags.map((each) => versions.get(each) ?? each)];
  return { outcome: await outcomeOf(module, { args, ...opened }), tried };
}

describe('a mode that only reads', () => {
  it.each(MODES)('%s works with only the rights that it names', async (...call) => {
    const [mode] = call;
    const { vault, documents } = modeOf(mode).permissions;
    const allowed: readonly string[] = vault;
    const { outcome, tried } = await calling(call, {
      keys: KEY_CALLS.filter((each) => !allowed.includes(each)),
      documents: documents === 'none' ? DOCUMENT_CALLS : DOCUMENT_WRITES,
    });
    expect(tried).toEqual([]);
    expect(outcome.exitCode).toBe(mode === 'retire-check' ? 3 : 0);
  });

  it('is seen when it asks for more', async () => {
    const call = ['verify', verify, ['--open-wraps', '--sample', '0']] as const;
    const { outcome, tried } = await calling(call, { keys: ['unwrapKey'], documents: [] });
    expect(tried).toContain('unwrapKey');
    expect(outcome.exitCode).toBe(3);
  });
});
