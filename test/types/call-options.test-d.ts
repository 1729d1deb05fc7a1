import { describe, expectTypeOf, it } from 'vitest';
import type * as core from '../../src/index.js';

type Method = Extract<
  Exclude<keyof core.FieldEncryptor, 'dekCache' | 'dekStore' | typeof Symbol.asyncDispose>,
  keyof { [N in keyof core.FieldEncryptor as core.FieldEncryptor[N] extends Call ? N : never]: 1 }
>;
type Call = (...args: never[]) => Promise<unknown>;
/** What a function or method takes last. */
type Last<F> = F extends (...args: infer Args) => unknown
  ? Required<Args> extends readonly [...unknown[], infer Options]
    ? Options
    : never
  : never;

describe('the options of a call', () => {
  it('have a signal in every method of an encryptor', () => {
    expectTypeOf<Method>().toEqualTypeOf<
      | 'beginWrite'
      | 'checkReadiness'
      | 'close'
      | 'decryptDocument'
      | 'decryptDocuments'
      | 'deleteDocument'
      | 'encryptDocument'
      | 'encryptDocuments'
      | 'openDocument'
      | 'shred'
      | 'updateDecrypted'
      | 'updateDocument'
    >();
    expectTypeOf<Last<core.FieldEncryptor[Method]>>().not.toBeNever();
    expectTypeOf<Last<core.FieldEncryptor[Method]>>().toExtend<core.CallOptions>();
    expectTypeOf<Last<core.DocumentWrite['confirm']>>().toExtend<core.CallOptions>();
    expectTypeOf<Last<core.DocumentWrite['sealAgain']>>().toExtend<core.CallOptions>();
    type Open = core.OpenDocument<core.AnyDefinition>;
    expectTypeOf<Last<Open['confirmWrite']>>().toExtend<core.CallOptions>();
  });

  it('have a signal in every run and inspection', () => {
    expectTypeOf<
      | core.AssertRetirableOptions
      | core.CallOptions
      | core.FindOrphanDeksOptions
      | core.InitEncryptionOptions
      | core.MigrationOptions
      | core.PrunePreviousWrapsOptions
      | core.RecoverDeksOptions
      | core.ReencryptOptions
      | core.RewrapAllDeksOptions
      | core.RollbackRotationOptions
      | core.RunOptions
      | core.SearchOptions
    >().toExtend<core.CallOptions>();
  });

  it('may hold a signal that is undefined', () => {
    expectTypeOf<{ signal: undefined }>().toExtend<core.CallOptions>();
  });
});
