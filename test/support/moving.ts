import {
  defineDocument,
  moveDocuments,
  type AnyDefinition,
  type DocumentStore,
  type MoveDocumentsOptions,
} from '../../src/index.js';
import { MemoryDocumentStore } from '../../src/testing/index.js';
import { decryptAny, encryptAny, setup, type Loose, type Setup } from './encryptor.js';
import { migrate, type Migrated, type Migration } from './migrations.js';
import { probed, type Probe } from './probe.js';
import { rows } from './rotations.js';

interface Entry {
  workspaceId: string;
  id: string;
  body: string;
  tags: string[];
}

const FIELDS = ['body', 'tags[]'] as const;

export const OLD: AnyDefinition = defineDocument<Entry>()({
  collection: 'notes',
  key: ['workspaceId', 'id'],
  fields: FIELDS,
});
export const RENAMED: AnyDefinition = defineDocument<Entry>()({
  collection: 'entries',
  key: ['workspaceId', 'id'],
  fields: FIELDS,
});
/** The same parts in another order. */
export const REORDERED: AnyDefinition = defineDocument<Entry>()({
  collection: 'notes-by-id',
  key: ['id', 'workspaceId'],
  fields: FIELDS,
});

/** Two documents whose key parts are each other's in the other order, and one with plaintext. */
export const ENTRIES: readonly Loose[] = [
  { workspaceId: 'a', id: 'b', body: 'one', tags: ['x', 'y'] },
  { workspaceId: 'b', id: 'a', body: 'two', tags: [] },
  { workspaceId: 'c', id: 'c', body: 'three', tags: ['z'], count: 3 },
];

export interface Place {
  readonly definition: AnyDefinition;
  readonly memory: MemoryDocumentStore<Loose>;
  readonly documentStore: DocumentStore<Loose>;
  readonly probe: Probe;
}

export function place(definition: AnyDefinition, over?: MemoryDocumentStore<Loose>): Place {
  const memory = over ?? new MemoryDocumentStore<Loose>({ key: definition.key });
  const [documentStore, probe] = probed<DocumentStore<Loose>>(memory);
  return { definition, memory, documentStore, probe };
}

/** How the places of a move relate; `move` gives documents other keys. */
export interface MoveCase {
  readonly name: string;
  readonly target: AnyDefinition;
  readonly sameTable: boolean;
  readonly move?: (document: Loose) => Loose;
}

export const MOVES: readonly MoveCase[] = [
  { name: 'a renamed collection in the same table', target: RENAMED, sameTable: true },
  { name: 'a renamed collection in another table', target: RENAMED, sameTable: false },
  { name: 'reordered key parts in the same table', target: REORDERED, sameTable: true },
  { name: 'reordered key parts in another table', target: REORDERED, sameTable: false },
  {
    name: 'changed key parts in the same table',
    target: RENAMED,
    sameTable: true,
    move: moveToTeam,
  },
  {
    name: 'changed key parts in another table',
    target: RENAMED,
    sameTable: false,
    move: moveToTeam,
  },
];

export function moveToTeam(document: Loose): Loose {
  return { ...document, workspaceId: `team-${String(document['workspaceId'])}` };
}

export interface MoveWorld {
  readonly made: Setup;
  readonly from: Place;
  readonly to: Place;
  readonly options: MoveDocumentsOptions;
  /** The documents as they have to be in the new place. */
  readonly expected: readonly Loose[];
}

export async function moveWorld(
  { target, sameTable, move }: MoveCase,
  made: Setup = setup(),
): Promise<MoveWorld> {
  const from = place(OLD);
  for (const document of ENTRIES) {
    const sealed = await encryptAny(made.encryptor, document, OLD);
    await from.memory.create(document['id'] === 'c' ? { ...sealed, body: 'three' } : sealed);
  }
  const to = place(target, sameTable ? from.memory : undefined);
  const expected = move ? ENTRIES.map(move) : ENTRIES;
  return { made, from, to, options: { ...(move && { move }) }, expected };
}

export function start(
  { made, from, to, options }: MoveWorld,
  more: MoveDocumentsOptions = {},
): Migration {
  return moveDocuments(made.encryptor, bare(from), bare(to), { ...options, ...more });
}

export function bare({ definition, documentStore }: Place): {
  readonly definition: AnyDefinition;
  readonly documentStore: DocumentStore<Loose>;
} {
  return { definition, documentStore };
}

export function moveAll(world: MoveWorld, more?: MoveDocumentsOptions): Promise<Migrated> {
  return migrate(start(world, more), world.made.clock);
}

export async function all({ memory }: Pick<Place, 'memory'>): Promise<readonly Loose[]> {
  const { items } = await memory.list({ pageSize: 1_000 });
  return items.map(({ document }) => document);
}

/** Everything in both tables, each once, opened by another process under the definition that opens it. */
export async function readable({ made, from, to }: MoveWorld): Promise<readonly Loose[]> {
  const { encryptor } = setup({ beside: made, mode: 'migrate' });
  const stored =
    from.memory === to.memory ? await all(to) : [...(await all(to)), ...(await all(from))];
  return Promise.all(
    stored.map((document) =>
      decryptAny(encryptor, document, to.definition).catch(() =>
        decryptAny(encryptor, document, from.definition),
      ),
    ),
  );
}

/** State of each row by collection. */
export async function statesIn(made: Setup, collection: string): Promise<readonly string[]> {
  const own = (await rows(made)).filter(({ scope }) => scope[0] === collection);
  return own.map(({ state }) => state).sort();
}

/** Everything that is stored in both stores. */
export async function snapshot({ made, from, to }: MoveWorld): Promise<string> {
  return JSON.stringify([await rows(made), await all(from), await all(to)]);
}
