import { describe, expect, it } from 'vitest';
import { KeyPrefix } from '../../src/store/key-prefix.js';
import { MemoryDocumentStore } from '../../src/testing/index.js';
import { failureOf, failure } from '../support/failure.js';

const KEY = ['tenantId', 'workspaceId', 'id'];
const GAP =
  '"prefix" expected the first of these key parts, without a gap: tenantId, workspaceId, id';

describe('a key prefix', () => {
  it('has its parts in the order of the key', () => {
    const { parts, text } = new KeyPrefix(KEY, { workspaceId: 'w', tenantId: 't' });
    expect(parts).toEqual(['t', 'w']);
    expect(text).toBe('["t","w"');
  });

  it.each([
    [{}, 'RangeError', GAP],
    [{ workspaceId: 'w' }, 'RangeError', GAP],
    [{ tenantId: 't', id: 'n' }, 'RangeError', GAP],
    [
      { tenantID: 't' },
      'RangeError',
      '"prefix.tenantID" is no option: expected tenantId, workspaceId, id; did you mean "prefix.tenantId"?',
    ],
    [
      { tenantId: undefined },
      'TypeError',
      '"prefix.tenantId" expected a non-empty string, got undefined',
    ],
    [
      { tenantId: 't', workspaceId: '' },
      'TypeError',
      '"prefix.workspaceId" expected a non-empty string, got an empty one',
    ],
    [['t'], 'TypeError', '"prefix" expected a plain object, got an array'],
    [null, 'TypeError', '"prefix" expected a plain object, got null'],
  ])('is refused: %j', (prefix, name, message) => {
    expect(failureOf(() => new KeyPrefix(KEY, prefix as never))).toEqual({ name, message });
  });

  it('accepts its own continuations, and no others', async () => {
    const notes = new MemoryDocumentStore({ key: KEY });
    for (const id of ['1', '2']) await notes.create({ tenantId: 't', workspaceId: 'w', id });
    const { continuation = '' } = await notes.list({ prefix: { tenantId: 't' }, pageSize: 1 });
    const rest = await notes.list({ prefix: { tenantId: 't' }, continuation });
    expect(rest.items.map(({ document }) => document['id'])).toEqual(['2']);
    for (const prefix of [undefined, { tenantId: 'u' }, { tenantId: 't', workspaceId: 'w' }]) {
      expect(await failure(notes.list({ prefix, continuation }))).toEqual({
        name: 'RangeError',
        message:
          '"continuation" expected one that list returned for the same "prefix", got another text',
      });
    }
  });
});
