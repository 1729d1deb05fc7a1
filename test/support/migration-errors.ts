import { readLeaseItem } from '../../src/store/dek-store.js';
import type { Lease } from '../../src/adapters.js';
import { backfillDocuments, FieldEncryptionError, requireBackfilled } from '../../src/index.js';
import { sampleLease } from '../../src/testing/sample-items.js';
import { note, PRODUCT, setup } from './encryptor.js';
import { rejection } from './failure.js';
import { addPlain, migrate, migrateUntil, notes } from './migrations.js';

const plain = { type: FieldEncryptionError };

/** The codes that only migrations raise, each provoked, with its message. */
export const migrationErrors = {
  BACKFILL_UNFINISHED: {
    ...plain,
    provoke: async () => {
      const collection = notes();
      await addPlain(collection, 2);
      return rejection(requireBackfilled([{ definition: note, documentStore: collection.store }]));
    },
    message:
      'Declared fields are still plaintext: "notes" has 6 in 2 of 2 documents; run backfillDocuments until it is complete, and start with FIELD_ENCRYPT_MODE=migrate and without FIELD_ENCRYPT_REQUIRE_BACKFILLED until then',
  },
  MIGRATION_SUPERSEDED: {
    ...plain,
    provoke: async () => {
      const [made, collection] = [setup(), notes()];
      await addPlain(collection, 3);
      const options = { concurrency: 1 };
      const first = backfillDocuments(made.encryptor, note, collection.store, {
        allowEmpty: true,
        ...options,
      });
      await migrateUntil(first, made.clock, 'changed');
      made.clock.advance(30_000);
      const item = await readLeaseItem(made.memory, PRODUCT, 'notes');
      const lease = { ...(item?.value as Lease), owner: 'another', kind: 'reencrypt' };
      await made.memory.replaceItem(lease, String(item?.etag));
      return rejection(migrate(first, made.clock));
    },
    message:
      'The lease of "notes" was taken over by "another" for reencrypt while this backfill paused for too long: everything reported as done is stored, and nothing more was written; check the other run before you start again',
  },
  MIGRATION_UNDER_WAY: {
    ...plain,
    provoke: async () => {
      const [made, collection] = [setup(), notes()];
      const [heartbeatAt, expiresAt] = ['2026-01-01T00:00:00.000Z', '2026-01-01T00:00:30.000Z'];
      const lease = { ...sampleLease(PRODUCT, 'notes', 'another'), heartbeatAt, expiresAt };
      const { etag } = await made.memory.createItem(lease);
      const second = backfillDocuments(made.encryptor, note, collection.store, {
        allowEmpty: true,
      });
      await migrateUntil(second, made.clock, 'lease');
      await made.memory.replaceItem(lease, etag);
      return rejection(migrate(second, made.clock));
    },
    message:
      'The lease of "notes" is held by "another" for backfill, last seen at 2026-01-01T00:00:00.000Z: wait until it has finished, or stop it, and run this again',
  },
};
