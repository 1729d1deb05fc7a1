/** Keys as the Azure CLI prints them. @module */
import type { Json } from './vault-call.js';

export function shownKey(answer: Json): Json {
  const { kid, kty, key_ops: keyOps, n, e } = answer['key'] as Json;
  return {
    attributes: shownAttributes(answer),
    key: { e, keyOps, kid, kty, n },
    managed: null,
    releasePolicy: null,
    tags: tagsOf(answer),
  };
}

export function shownDeleted(answer: Json): Json {
  const { deletedDate, recoveryId, scheduledPurgeDate } = answer;
  return {
    ...shownKey(answer),
    deletedDate: time(deletedDate),
    recoveryId,
    scheduledPurgeDate: time(scheduledPurgeDate),
  };
}

export function shownItem(answer: Json): Json {
  const { kid, deletedDate, recoveryId, scheduledPurgeDate } = answer;
  const [, , , , name] = String(kid).split('/');
  const deletion = recoveryId !== undefined && {
    deletedDate: time(deletedDate),
    recoveryId,
    scheduledPurgeDate: time(scheduledPurgeDate),
  };
  return {
    attributes: shownAttributes(answer),
    kid,
    managed: null,
    name,
    tags: tagsOf(answer),
    ...deletion,
  };
}

function shownAttributes(answer: Json): Json {
  const { created, enabled, exp, nbf, recoverableDays, recoveryLevel, updated } = answer[
    'attributes'
  ] as Json;
  return {
    created: time(created),
    enabled,
    expires: time(exp),
    notBefore: time(nbf),
    recoverableDays,
    recoveryLevel,
    updated: time(updated),
  };
}

function tagsOf(answer: Json): unknown {
  const tags = (answer['tags'] ?? {}) as Json;
  return Object.keys(tags).length === 0 ? null : tags;
}

function time(seconds: unknown): string | null {
  if (typeof seconds !== 'number') return null;
  return new Date(seconds * 1_000).toISOString().replace('.000Z', '+00:00');
}
