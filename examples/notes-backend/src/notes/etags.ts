/** Conditional requests (RFC 9110, section 13) over the etags of the document store. @module */
import { HttpProblem } from '../lib/problems.js';

/** The store's etag may hold any character: Cosmos DB puts quotes into its own. */
export function httpEtag(storeEtag: string): string {
  return `"${Buffer.from(storeEtag).toString('base64url')}"`;
}

/** An entity tag, with its weakness as the first group and itself as the second. */
const TAG = /(?:^|,)[\t ]*(W\/)?("[\x21\x23-\x7e\x80-\xff]*")[\t ]*(?=,|$)/y;

interface EntityTag {
  readonly isWeak: boolean;
  readonly tag: string;
}

/** @throws HttpProblem where the header is no list of entity tags. */
function tagsIn(name: string, header: string): readonly EntityTag[] {
  const tags: EntityTag[] = [];
  TAG.lastIndex = 0;
  for (let at = 0; at < header.length; at = TAG.lastIndex) {
    const match = TAG.exec(header);
    if (!match) {
      throw new HttpProblem('invalid-request', {
        detail: `Send ${name} as the ETag of an answer, with its quotes.`,
      });
    }
    tags.push({ isWeak: match[1] !== undefined, tag: match[2] ?? '' });
  }
  return tags;
}

/** Decides, from the etag that is stored now, whether a change may be made. */
export type Precondition = (storeEtag: string) => boolean;

interface Conditions {
  readonly 'if-match'?: string | undefined;
  readonly 'if-none-match'?: string | undefined;
}

/**
 * Of a request that changes a note. `If-Match` is required: without it, a client would overwrite what it has
 * never seen. `*` says that any version may be changed.
 *
 * @throws HttpProblem `precondition-required`.
 */
export function preconditionOf(headers: Conditions): Precondition {
  const { 'if-match': match, 'if-none-match': noneMatch } = headers;
  if (match === undefined) {
    throw new HttpProblem('precondition-required', {
      detail: 'Send the ETag of the note that you read as If-Match.',
    });
  }
  const accepted = match.trim() === '*' ? undefined : tagsIn('If-Match', match);
  const isExcluded = noneMatchOf(noneMatch);
  return (storeEtag) => {
    const now = httpEtag(storeEtag);
    // A weak tag never matches: the versions may differ.
    const isAccepted = accepted?.some(({ isWeak, tag }) => !isWeak && tag === now) ?? true;
    return isAccepted && !isExcluded(storeEtag);
  };
}

/** Of a request that reads: whether the client has this version already. */
export function noneMatchOf(header: string | undefined): Precondition {
  if (header === undefined) return () => false;
  if (header.trim() === '*') return () => true;
  const tags = tagsIn('If-None-Match', header);
  return (storeEtag) => tags.some(({ tag }) => tag === httpEtag(storeEtag));
}
