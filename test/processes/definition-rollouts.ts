/** Each change of a definition, as the versions of a product that are deployed one after another. */
import type { FieldStage } from '../../src/index.js';

export interface Version {
  readonly fields: readonly string[];
  readonly stages?: Readonly<Record<string, FieldStage>>;
  readonly former?: readonly string[];
  /** The property that this version writes, and the ones in which it finds what others wrote. */
  readonly property?: string;
}

/** What to run once a version is everywhere, on the way forwards or back. */
export type Run = 'backfillDocuments' | 'forgetPaths' | 'open';

export interface Rollout {
  /** The heading of its recipe. */
  readonly recipe: string;
  /** The property that changes; what it is called first. */
  readonly property: string;
  /** All the names that it has had. */
  readonly names?: readonly string[];
  readonly shape: 'list' | 'object' | 'text';
  readonly versions: readonly Version[];
  /** By the number of the version. */
  readonly forwards: Readonly<Record<number, readonly Run[]>>;
  readonly back: Readonly<Record<number, readonly Run[]>>;
  /** Another one has the same versions in the opposite order. */
  readonly isReverse?: boolean;
}

const MOVE: readonly Run[] = ['backfillDocuments', 'forgetPaths'];

/** Declares the new paths, seals the new paths, forgets the old ones. */
function replaced(
  from: readonly string[],
  to: readonly string[],
): Pick<Rollout, 'back' | 'forwards' | 'versions'> {
  return {
    versions: [
      { fields: ['body', ...from] },
      { fields: ['body', ...from], former: to },
      { fields: ['body', ...to], former: from },
      { fields: ['body', ...to] },
    ],
    forwards: { 2: MOVE },
    back: { 1: MOVE },
  };
}

const [added, renamed] = [
  [
    { fields: ['body'] },
    { fields: ['body', 'title'], stages: { title: 'opening' } },
    { fields: ['body', 'title'], stages: { title: 'sealing' } },
    { fields: ['body', 'title'] },
  ] satisfies Version[],
  replaced(['titel'], ['title']),
];

export const ROLLOUTS: readonly Rollout[] = [
  {
    recipe: 'Encrypt another field',
    property: 'title',
    shape: 'text',
    versions: added,
    forwards: { 2: ['backfillDocuments'] },
    back: { 1: ['open', 'forgetPaths'] },
  },
  {
    recipe: 'Take a field out of encryption',
    property: 'title',
    shape: 'text',
    versions: [...added].reverse(),
    forwards: { 2: ['open', 'forgetPaths'] },
    back: { 1: ['backfillDocuments'] },
    isReverse: true,
  },
  {
    recipe: 'Rename a field',
    property: 'titel',
    names: ['titel', 'title'],
    shape: 'text',
    ...renamed,
    versions: renamed.versions.map((version, index) => ({
      ...version,
      property: index < 2 ? 'titel' : 'title',
    })),
  },
  {
    recipe: 'Seal a list as a whole',
    property: 'tags',
    shape: 'list',
    ...replaced(['tags[]'], ['tags']),
  },
  {
    recipe: 'Seal the elements of a list',
    property: 'tags',
    shape: 'list',
    ...replaced(['tags'], ['tags[]']),
    isReverse: true,
  },
  {
    recipe: 'Seal parts of an object',
    property: 'meta',
    shape: 'object',
    ...replaced(['meta'], ['meta.location', 'meta.mood']),
  },
];

/** As a recipe writes it. */
export function codeOf({ fields, stages, former }: Version): string {
  const list = (paths: readonly string[]): string => `[${paths.map(quoted).join(', ')}]`;
  const staged = Object.entries(stages ?? {}).map(([path, stage]) => `${path}: ${quoted(stage)}`);
  const parts = [`fields: ${list(fields)}`];
  if (stages) parts.push(`stages: { ${staged.join(', ')} }`);
  if (former) parts.push(`former: ${list(former)}`);
  return parts.join(', ');
}

function quoted(text: string): string {
  return `'${text}'`;
}
