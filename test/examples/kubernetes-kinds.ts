/** Manifests for Kubernetes, checked by the schemas of their kinds. @module */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as apps from 'kubernetes-models/apps/v1';
import * as batch from 'kubernetes-models/batch/v1';
import * as policy from 'kubernetes-models/policy/v1';
import * as core from 'kubernetes-models/v1';
import { parse } from 'yaml';
import { z } from 'zod';

export interface Item {
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly data?: Readonly<Record<string, string>>;
  readonly spec?: object;
}

interface Kind {
  new (item: Item): { validate(): void };
}

/** The custom resource of the Secrets Store CSI driver, as its definition has it. */
const secretProviderClass = z.strictObject({
  apiVersion: z.literal('secrets-store.csi.x-k8s.io/v1'),
  kind: z.literal('SecretProviderClass'),
  metadata: z.strictObject({ name: z.string() }),
  spec: z.strictObject({
    provider: z.literal('azure'),
    parameters: z.strictObject({
      usePodIdentity: z.literal('false'),
      useVMManagedIdentity: z.literal('false'),
      clientID: z.guid(),
      tenantId: z.guid(),
      keyvaultName: z.string().regex(/^[a-z][a-z0-9-]{1,22}[a-z0-9]$/),
      cloudName: z.string(),
      objects: z.string(),
    }),
    secretObjects: z.array(
      z.strictObject({
        secretName: z.string(),
        type: z.literal('Opaque'),
        data: z.array(z.strictObject({ key: z.string(), objectName: z.string() })),
      }),
    ),
  }),
});

export type SecretProviderClass = z.infer<typeof secretProviderClass>;

const KINDS = { ...core, ...batch, ...apps, ...policy } as unknown as Readonly<
  Record<string, Kind>
>;

/** As Kubernetes reads it: merge keys are of YAML 1.1. */
export function readManifest(name: string): Item & { readonly items: readonly Item[] } {
  const text = readFileSync(join(import.meta.dirname, '../../examples/kubernetes', name), 'utf8');
  return parse(text, { merge: true }) as ReturnType<typeof readManifest>;
}

/** @returns What the schema of its kind says against it. */
export function problemOf(item: Item): string | undefined {
  if (item.kind === 'SecretProviderClass')
    return secretProviderClass.safeParse(item).error?.message;
  const Model = KINDS[item.kind];
  if (!Model) return `no kind ${item.kind}`;
  try {
    new Model(item).validate();
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}
