import type { Mutant } from './mutants.js';

/** Faults of what keeps a shred whole in its own process. */
export const SHRED_MUTANTS: readonly Mutant[] = [
  {
    name: 'a create that is about to be sent does not look for a shred',
    patches: [
      {
        file: 'dek/dek-creator.ts',
        from: '    token.throwIfShredded();\n    const readAt = momentOf(clock);\n    const written',
        to: '    const readAt = momentOf(clock);\n    const written',
      },
    ],
  },
  {
    name: 'a shred leaves the ids of creates that are on their way',
    patches: [
      {
        file: 'dek/dek.ts',
        from: 'pendingCreates: () => [...(this.#creates.get(scopeId) ?? [])],',
        to: 'pendingCreates: () => [...(this.#creates.get(scopeId) ?? [])].slice(0, 0),',
      },
    ],
  },
  {
    name: 'a DEK that was loaded before a shred still opens after it',
    patches: [
      {
        file: 'cipher/field-cipher.ts',
        from: '  #openBytes(field: DeclaredField, envelope: Envelope): Buffer {\n    this.#token.throwIfShredded();\n',
        to: '  #openBytes(field: DeclaredField, envelope: Envelope): Buffer {\n',
      },
    ],
  },
  {
    name: 'a late load keeps its DEK in the cache after a shred',
    patches: [
      {
        file: 'dek/dek-cache.ts',
        from: '    if (dek.token.isShredded) return;\n',
        to: '',
      },
      {
        file: 'dek/dek-loader.ts',
        from: '    token.watch(dekCache, dekId);\n',
        to: '',
      },
    ],
  },
  {
    name: 'an open document goes on to seal after a shred',
    patches: [
      {
        file: 'cipher/field-cipher.ts',
        from: '    this.#token.throwIfShredded();\n    const ct = sealToText',
        to: '    const ct = sealToText',
      },
    ],
  },
  {
    name: 'a write is confirmed after a shred',
    patches: [
      {
        file: 'cipher/document-write.ts',
        from: '      token?.throwIfShredded();\n      return sealing === undefined',
        to: '      void token;\n      return sealing === undefined',
      },
    ],
  },
  {
    name: 'a write of an open document is confirmed after a shred',
    patches: [
      {
        file: 'cipher/open-document.ts',
        from: '      token.throwIfShredded();\n      return sealing === undefined',
        to: '      void token;\n      return sealing === undefined',
      },
    ],
  },
  {
    name: 'a seal that begins after a shred joins one from before it',
    patches: [
      {
        file: 'dek/sealing-deks.ts',
        from: 'readonly #preparing = new SingleFlight<SealingDek, ShredToken>();',
        to: 'readonly #preparing = new SingleFlight<SealingDek>();',
      },
      {
        file: 'dek/sealing-deks.ts',
        from: 'return this.#preparing.run(token, () => this.#prepare(scope, token));',
        to: 'return this.#preparing.run(scope.scopeId, () => this.#prepare(scope, token));',
      },
    ],
  },
  {
    name: 'an update looks for shreds from when its turn has come',
    patches: [
      {
        file: 'cipher/document-updater.ts',
        from: 'return await this.#updateInTurn({ ...update, token }, turn);',
        to: 'return await this.#updateInTurn({ ...update, token: this.#services.tokens.of(scope.scopeId) }, turn);',
      },
    ],
  },
  {
    name: 'a listing from before a shred is fresh after it',
    patches: [
      {
        file: 'dek/scope-rows.ts',
        from: 'if (listing?.token.isShredded) return undefined;',
        to: '',
      },
    ],
  },
];
