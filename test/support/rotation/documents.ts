import { deepEqual, equal, ok } from 'node:assert/strict';
import type { DekRow } from '../../../src/adapters.js';
import type { Envelope, FieldEncryptor } from '../../../src/index.js';
import { decryptAny, type Loose } from '../encryptor.js';
import { describeError } from '../failure.js';

interface Acknowledged {
  /** As it lies in the database. */
  readonly text: string;
  readonly plain: Loose;
  readonly dekId: string;
}

/** The documents whose writes were acknowledged: I1, I3 and I15. */
export class Documents {
  readonly #reader: FieldEncryptor;
  readonly #nonces = new Set<string>();
  readonly #shredded = new Set<string>();
  readonly #all: Acknowledged[] = [];
  #unread: Acknowledged[] = [];

  /** @param reader - Has every key, and a cache that is emptied before each look. */
  constructor(reader: FieldEncryptor) {
    this.#reader = reader;
  }

  get all(): readonly Acknowledged[] {
    return this.#all;
  }

  get hasUnread(): boolean {
    return this.#unread.length > 0;
  }

  acknowledge(stored: Loose, plain: Loose): void {
    const envelopes = envelopesIn(stored);
    for (const { dekId, ct } of envelopes) {
      const nonce = `${dekId} ${ct.slice(0, 16)}`;
      ok(!this.#nonces.has(nonce), `I15: a nonce was used twice under ${dekId}`);
      this.#nonces.add(nonce);
    }
    const document = { text: JSON.stringify(stored), plain, dekId: envelopes[0]?.dekId ?? '' };
    this.#all.push(document);
    this.#unread.push(document);
  }

  /** From here on the scope's documents may become unreadable, and no others. */
  beginShred(scopeId: string): void {
    this.#shredded.add(scopeId);
  }

  /** Looks at the documents of the rows, and at those that are new. */
  async check(dekIds: ReadonlySet<string>, rowOf: (dekId: string) => DekRow): Promise<void> {
    const known = this.#all.filter((each) => dekIds.has(each.dekId));
    const due = new Set([...known, ...this.#unread]);
    this.#unread = [];
    for (const each of due) await this.#checkOne(each, rowOf(each.dekId));
  }

  /** Everything opens, or was shredded, with whatever keys a reader has. */
  async openAll(reader: FieldEncryptor, rowOf: (dekId: string) => DekRow): Promise<void> {
    for (const { text, plain, dekId } of this.#all) {
      if (rowOf(dekId).state === 'shredded') continue;
      deepEqual(await open(reader, text), plain, 'I1: a document reads differently');
    }
  }

  async #checkOne({ text, plain, dekId }: Acknowledged, row: DekRow): Promise<void> {
    this.#reader.dekCache.clear();
    if (row.state !== 'shredded') {
      deepEqual(await open(this.#reader, text), plain, 'I1: a document reads differently');
      return;
    }
    ok(this.#shredded.has(row.scopeId), `I1: no process shredded ${dekId}`);
    equal(await codeOfOpening(this.#reader, text), 'DEK_SHREDDED', 'I5: it opens though shredded');
  }
}

/** From the database: no other code holds the object. */
function open(reader: FieldEncryptor, text: string): Promise<Loose> {
  return decryptAny(reader, JSON.parse(text));
}

async function codeOfOpening(reader: FieldEncryptor, text: string): Promise<string> {
  try {
    await open(reader, text);
    return 'opened';
  } catch (error) {
    return describeError(error).code ?? '';
  }
}

function envelopesIn({ title, body, tags }: Loose): readonly Envelope[] {
  const values = [title, body, ...((tags ?? []) as readonly unknown[])];
  return values.filter((value): value is Envelope => typeof value === 'object' && value !== null);
}
