import { inspect } from 'node:util';
import type { KeyProviderOptions, KeyWrap, WrapKeyOptions } from '../../src/adapters.js';
import { KeyProviderError } from '../../src/index.js';
import {
  hasErrorCode,
  later,
  pick,
  withoutSignal,
  type Breakage,
  type Calls,
} from './broken-methods.js';
import { MEK_VERSION } from '../support/encryptor.js';

type Wrap = (dek: Uint8Array, options: WrapKeyOptions) => Promise<KeyWrap>;
type Unwrap = (wrap: KeyWrap) => Promise<Uint8Array>;

function brokenWrap(
  rule: string,
  name: string,
  wrapOf: (own: Wrap, calls: Calls) => Wrap,
): Breakage {
  return {
    rule,
    name,
    methods: (own) => {
      const wrap = wrapOf(pick(own, 'wrapKey') as unknown as Wrap, own);
      return { wrapKey: (dek, options) => wrap(dek as Uint8Array, options as WrapKeyOptions) };
    },
  };
}

function brokenUnwrap(
  rule: string,
  name: string,
  unwrapOf: (own: Unwrap, calls: Calls) => Unwrap,
): Breakage {
  return {
    rule,
    name,
    methods: (own) => {
      const unwrap = unwrapOf(pick(own, 'unwrapKey') as unknown as Unwrap, own);
      return {
        unwrapKey: (wrap, options) => {
          (options as { signal?: AbortSignal } | undefined)?.signal?.throwIfAborted();
          return unwrap(wrap as KeyWrap);
        },
      };
    },
  };
}

type Retry = (
  call: () => Promise<unknown>,
  options: KeyProviderOptions | undefined,
) => Promise<unknown>;

function brokenRetry(name: string, retry: Retry): Breakage {
  return {
    rule: 'K12',
    name,
    methods: (own) => ({
      unwrapKey: (wrap, options) =>
        retry(() => pick(own, 'unwrapKey')(wrap, options), options as KeyProviderOptions),
    }),
  };
}

/** Properties that are no methods: a Proxy gives them as they are. */
function property(value: unknown): Calls {
  return value as Calls;
}

const currentOf = async (own: Calls) => String(await pick(own, 'currentVersion')());

export const BROKEN_KEY_PROVIDERS: readonly Breakage[] = [
  { rule: 'K1', name: 'the id is empty', methods: () => property({ id: '' }) },
  {
    rule: 'K1',
    name: 'the MEK name changes with use',
    methods: (own) => {
      let uses = 0;
      return property({
        get mekName() {
          return `env${String(uses)}`;
        },
        wrapKey: (...args: unknown[]) => {
          uses += 1;
          return pick(own, 'wrapKey')(...args);
        },
      });
    },
  },
  {
    rule: 'K2',
    name: 'the current version is a URL',
    methods: () => ({ currentVersion: () => Promise.resolve('https://vault.example/keys/a/b') }),
  },
  {
    rule: 'K2',
    name: 'the current version is the one that was used last',
    methods: (own) => {
      let last: string | undefined;
      return {
        currentVersion: async (...args) => last ?? (await pick(own, 'currentVersion')(...args)),
        wrapKey: (dek, options) => {
          last = (options as WrapKeyOptions).mekVersion;
          return pick(own, 'wrapKey')(dek, options);
        },
      };
    },
  },
  brokenWrap('K3', 'wrapKey uses the current version, whatever is asked for', (own, calls) => {
    return async (dek, { signal }) =>
      own(dek, { mekVersion: await currentOf(calls), ...(signal && { signal }) });
  }),
  brokenWrap('K3', 'wrapKey writes base64 with padding', (own) => async (dek, options) => {
    const wrap = await own(dek, options);
    return { ...wrap, wrappedDek: Buffer.from(wrap.wrappedDek, 'base64url').toString('base64') };
  }),
  brokenWrap('K3', 'wrapKey stores the DEK beside its wrap', (own) => async (dek, options) => {
    const wrap = await own(dek, options);
    const bytes = Buffer.concat([Buffer.from(wrap.wrappedDek, 'base64url'), dek]);
    return { ...wrap, wrappedDek: bytes.toString('base64url') };
  }),
  brokenUnwrap('K4', 'only the current version unwraps', (own, calls) => async (wrap) => {
    if (wrap.mekVersion === (await currentOf(calls))) return own(wrap);
    throw new KeyProviderError('MEK_DISABLED', 'disabled');
  }),
  brokenUnwrap('K4', 'leading zeros are lost', (own) => async (wrap) => {
    const dek = await own(wrap);
    const first = dek.findIndex((byte) => byte !== 0);
    return dek.subarray(Math.max(first, 0));
  }),
  brokenUnwrap('K4', 'concurrent calls share one buffer', (own) => {
    const scratch = Buffer.alloc(32);
    return async (wrap) => {
      scratch.set(await own(wrap));
      await later();
      return scratch;
    };
  }),
  brokenWrap('K5', 'wrapKey takes the current version for one it does not know', (own, calls) => {
    return (dek, options) =>
      own(dek, options).catch(async (error: unknown) => {
        if (!hasErrorCode(error, 'MEK_VERSION_UNKNOWN')) throw error;
        return own(dek, { ...options, mekVersion: await currentOf(calls) });
      });
  }),
  brokenUnwrap('K5', 'an unknown version is reported as a bad wrap', (own) => async (wrap) => {
    try {
      return await own(wrap);
    } catch (error) {
      if (!hasErrorCode(error, 'MEK_VERSION_UNKNOWN')) throw error;
      throw new KeyProviderError('WRAP_REJECTED', 'rejected', { cause: error });
    }
  }),
  brokenUnwrap(
    'K5',
    'the empty version means the newest',
    (own, calls) => async (wrap) =>
      own(wrap.mekVersion === '' ? { ...wrap, mekVersion: await currentOf(calls) } : wrap),
  ),
  brokenUnwrap(
    'K6',
    'an empty wrap opens as an empty key',
    (own) => async (wrap) => (wrap.wrappedDek === '' ? new Uint8Array(0) : own(wrap)),
  ),
  brokenUnwrap(
    'K6',
    'a changed wrap opens as some other key',
    (own) => (wrap) =>
      own(wrap).catch((error: unknown) => {
        if (wrap.wrappedDek.length !== 54 || hasErrorCode(error, 'MEK_VERSION_UNKNOWN'))
          throw error;
        return Buffer.from(wrap.wrappedDek, 'base64url').subarray(0, 32);
      }),
  ),
  brokenUnwrap('K6', 'base64url is read leniently', (own) => (wrap) => {
    const wrappedDek = Buffer.from(wrap.wrappedDek, 'base64url').toString('base64url');
    return own({ ...wrap, wrappedDek });
  }),
  brokenUnwrap(
    'K6',
    'what follows the wrap is ignored',
    (own) => (wrap) => own({ ...wrap, wrappedDek: wrap.wrappedDek.slice(0, 54) }),
  ),
  ...(['keyProvider', 'mekName', 'wrapAlgorithm'] as const).map((name) =>
    brokenUnwrap('K7', `${name} is ignored`, (own, calls) => (wrap) => {
      const ours = calls as unknown as Record<string, string>;
      const value = ours[name === 'keyProvider' ? 'id' : name];
      return own({ ...wrap, [name]: value });
    }),
  ),
  ...['currentVersion', 'wrapKey', 'unwrapKey'].map((name) => ({
    rule: 'K8',
    name: `${name} ignores the signal`,
    methods: (own: Calls) => ({
      [name]: (...args: readonly unknown[]) => pick(own, name)(...withoutSignal(args)),
    }),
  })),
  brokenWrap('K9', "wrapKey wipes the caller's bytes", (own) => async (dek, options) => {
    const wrap = await own(dek, options);
    dek.fill(0);
    return wrap;
  }),
  {
    rule: 'K9',
    name: "wrapKey remembers the caller's bytes",
    methods: (own) => {
      const known = new Map<string, Uint8Array>();
      return {
        wrapKey: async (dek, options) => {
          const wrap = (await pick(own, 'wrapKey')(dek, options)) as KeyWrap;
          known.set(wrap.wrappedDek, dek as Uint8Array);
          return wrap;
        },
        unwrapKey: async (wrap, options) => {
          const dek = await pick(own, 'unwrapKey')(wrap, options);
          return known.get((wrap as KeyWrap).wrappedDek) ?? dek;
        },
      };
    },
  },
  brokenUnwrap('K9', 'unwrapKey returns one buffer again and again', (own) => {
    const known = new Map<string, Uint8Array>();
    return async (wrap) => {
      const dek = await own(wrap);
      const key = JSON.stringify(wrap);
      if (!known.has(key)) known.set(key, dek);
      return known.get(key) ?? dek;
    };
  }),
  {
    rule: 'K10',
    name: 'the last DEK can be inspected',
    methods: (own) => {
      let last: unknown;
      return property({
        [inspect.custom]: undefined,
        toJSON: () => ({ last }),
        wrapKey: (dek: unknown, options: unknown) => {
          last = dek;
          return pick(own, 'wrapKey')(dek, options);
        },
      });
    },
  },
  brokenWrap('K10', 'errors name the DEK', (own) => async (dek, options) => {
    try {
      return await own(dek, options);
    } catch (error) {
      options.signal?.throwIfAborted();
      const hex = Buffer.from(dek).toString('hex');
      throw new KeyProviderError('MEK_VERSION_UNKNOWN', `cannot wrap ${hex}`, { cause: error });
    }
  }),
  {
    rule: 'K11',
    name: 'a local call has an unknown name',
    methods: () => property({ localCalls: ['unwrap'] }),
  },
  {
    rule: 'K11',
    name: 'the local calls change with use',
    methods: (own) => {
      let uses = 0;
      return property({
        get localCalls() {
          return uses > 0 ? ['wrapKey'] : [];
        },
        wrapKey: (...args: unknown[]) => {
          uses += 1;
          return pick(own, 'wrapKey')(...args);
        },
      });
    },
  },
  ...[0, -1, NaN, Infinity, '400'].map((rate) => ({
    rule: 'K11',
    name: `the documented rate is ${typeof rate} ${String(rate)}`,
    methods: () => ({ documentedOpsPerSecond: () => Promise.resolve(rate) }),
  })),
  {
    rule: 'K11',
    name: 'the documented rate is the same for what does not exist, whatever the signal says',
    methods: () => ({ documentedOpsPerSecond: () => Promise.resolve(400) }),
  },
  brokenRetry('a throttled call is tried again as ever', async (call, options) => {
    try {
      return await call();
    } catch (error) {
      if (!hasErrorCode(error, 'KEY_PROVIDER_THROTTLED')) throw error;
      await options?.beforeRetry?.();
      return call();
    }
  }),
  brokenRetry('a call is tried again at once', async (call) => {
    try {
      return await call();
    } catch (error) {
      if (!hasErrorCode(error, 'KEY_PROVIDER_UNAVAILABLE')) throw error;
      return call();
    }
  }),
  brokenRetry('a call is tried again, whatever beforeRetry says', async (call, options) => {
    try {
      return await call();
    } catch (error) {
      if (!hasErrorCode(error, 'KEY_PROVIDER_UNAVAILABLE')) throw error;
      await options?.beforeRetry?.().catch(() => undefined);
      return call();
    }
  }),
  {
    rule: 'K13',
    name: 'a MEK in the process has a version that is not configured',
    methods: () => property({ localMeks: [{ mekVersion: 'env-0000000000000000' }] }),
  },
  {
    rule: 'K13',
    name: 'a MEK in the process is weak, and no words say why',
    methods: () => property({ localMeks: [{ mekVersion: MEK_VERSION, weakness: true }] }),
  },
  {
    rule: 'K13',
    name: 'the MEKs in the process change with use',
    methods: (own) => {
      let uses = 0;
      return property({
        get localMeks() {
          return uses > 0 ? [] : [{ mekVersion: MEK_VERSION }];
        },
        wrapKey: (...args: unknown[]) => {
          uses += 1;
          return pick(own, 'wrapKey')(...args);
        },
      });
    },
  },
];
