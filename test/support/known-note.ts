/** What a client knows about one note: which versions a read may find, by when it was sent. @module */
import { isDeepStrictEqual } from 'node:util';

export interface NoteText {
  readonly title: string;
  readonly body: string;
  readonly tags: readonly string[];
  readonly pinned: boolean;
}

/** As it was answered. */
export interface Version {
  readonly text: NoteText;
  readonly etag: string;
}

/** Moments are numbers that rise with every request and every answer. */
interface Held {
  /** Absent where there is no note. */
  readonly text: NoteText | undefined;
  /** Absent until an answer has it. */
  etag: string | undefined;
  /** When the request that made it was sent. */
  readonly from: number;
  /** When the request that replaced it was answered. */
  until: number;
}

export class KnownNote {
  readonly url: string;
  readonly #held: Held[];

  constructor(url: string, { text, etag }: Version, sent: number, answered: number) {
    this.url = url;
    this.#held = [
      { text: undefined, etag: undefined, from: 0, until: answered },
      { text, etag, from: sent, until: Infinity },
    ];
  }

  /** A request that changes it, or deletes it, is sent. One at a time: otherwise it is not known which comes last. */
  begin(text: NoteText | undefined, now: number): void {
    this.#held.push({ text, etag: undefined, from: now, until: Infinity });
  }

  /** The request was answered. @returns Whether the etag is the one that reads have seen meanwhile. */
  acknowledge(etag: string | undefined, now: number): boolean {
    const [before, last] = this.#held.slice(-2) as [Held, Held];
    const isSame = last.etag === undefined || last.etag === etag;
    last.etag = etag;
    before.until = now;
    return isSame;
  }

  /** The request was refused: it changed nothing. */
  withdraw(): void {
    this.#held.pop();
  }

  /** The version that a client would change. */
  get version(): Version {
    const { text, etag } = this.#held.at(-1) as Held;
    if (!text || etag === undefined) throw new Error('It is being changed, or was deleted');
    return { text, etag };
  }

  /** The etag of an earlier version, if there was one. */
  get formerEtag(): string | undefined {
    return this.#held.at(-2)?.etag;
  }

  /**
   * Whether a read that was sent then, and is answered now, may find that.
   *
   * @param mayBeRewritten - Whether the same text may have another etag: migrations write notes anew.
   */
  mayBe(found: Version | undefined, sent: number, mayBeRewritten = false): boolean {
    return this.#since(sent).some((held) => {
      if (held.text === undefined || !found) return held.text === found;
      if (!isDeepStrictEqual(held.text, found.text)) return false;
      if (mayBeRewritten) held.etag = found.etag;
      held.etag ??= found.etag;
      return held.etag === found.etag;
    });
  }

  /** Whether a list that was sent then must have it. */
  wasThereSince(sent: number): boolean {
    return this.#since(sent).every(({ text }) => text !== undefined);
  }

  /** Whether a read that was sent then may have met its deletion half way. */
  wasDeletedSince(sent: number): boolean {
    return !this.wasThereSince(sent) && this.#since(sent).some(({ text }) => text !== undefined);
  }

  #since(sent: number): readonly Held[] {
    return this.#held.filter(({ until }) => until >= sent);
  }
}
