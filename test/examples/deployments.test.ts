import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import {
  configOf,
  sampleSecret,
  unknownVariables,
  type Variables,
} from './deployed-environment.js';
import {
  problemOf,
  readManifest,
  type Item,
  type SecretProviderClass,
} from './kubernetes-kinds.js';

/** Without these the service starts in production, and should not run there. */
const NEEDED = [
  'NODE_ENV',
  'HOST',
  'SHUTDOWN_DELAY_MS',
  'COSMOS_ENDPOINT',
  'FIELD_ENCRYPT_RECORD_KEY',
  'FIELD_ENCRYPT_PREVIOUS_RECORD_KEYS',
  'FIELD_ENCRYPT_RECOVERY_KEY',
  'FIELD_ENCRYPT_MINIMUM_EPOCH',
  'AUDIT_URL',
  'AUDIT_SECRETS',
  'AUDIT_SPOOL',
  'METRICS_TOKEN',
];
/** In the Kubernetes Secret `notes-backend`. */
const SECRETS = [
  'FIELD_ENCRYPT_RECORD_KEY',
  'FIELD_ENCRYPT_PREVIOUS_RECORD_KEYS',
  'AUDIT_SECRETS',
  'METRICS_TOKEN',
];

interface Probe {
  readonly httpGet: { readonly path: string; readonly port: string };
  readonly periodSeconds: number;
  readonly timeoutSeconds?: number;
  readonly failureThreshold: number;
}

interface Container {
  readonly envFrom: readonly object[];
  readonly ports: readonly { readonly name: string }[];
  readonly livenessProbe: Probe;
  readonly readinessProbe: Probe;
  readonly volumeMounts: readonly { readonly name: string; readonly mountPath: string }[];
}

interface Volume {
  readonly name: string;
  readonly csi?: {
    readonly driver: string;
    readonly volumeAttributes: { readonly secretProviderClass: string };
  };
}

interface Deployment {
  readonly replicas: number;
  readonly selector: { readonly matchLabels: Variables };
  readonly template: {
    readonly metadata: { readonly labels: Variables };
    readonly spec: {
      readonly serviceAccountName: string;
      readonly terminationGracePeriodSeconds: number;
      readonly containers: readonly Container[];
      readonly volumes: readonly Volume[];
    };
  };
}

class Manifest {
  readonly items: readonly Item[];

  constructor(file: string) {
    this.items = readManifest(file).items;
  }

  of(kind: string): Item {
    const found = this.items.find((item) => item.kind === kind);
    if (!found) throw new Error(`There is no ${kind}`);
    return found;
  }

  get deployment(): Deployment {
    return this.of('Deployment').spec as Deployment;
  }

  get container(): Container {
    const [container] = this.deployment.template.spec.containers;
    if (!container) throw new Error('There is no container');
    return container;
  }

  get settings(): Variables {
    return this.of('ConfigMap').data ?? {};
  }

  get variables(): Variables {
    return {
      ...this.settings,
      ...Object.fromEntries(SECRETS.map((name) => [name, sampleSecret(name)])),
    };
  }
}

const FILES = ['backend-workload-identity.yaml', 'backend-secrets-store.yaml'];

describe.each(FILES)('%s', (file) => {
  const manifest = new Manifest(file);

  it('has the form of its kinds', () => {
    expect(manifest.items.map(problemOf)).toEqual(manifest.items.map(() => undefined));
  });

  it('gives the service what production needs, and nothing that it does not read', () => {
    const { variables } = manifest;
    expect(unknownVariables(Object.keys(variables))).toEqual([]);
    expect(Object.keys(variables)).toEqual(expect.arrayContaining(NEEDED));
    expect(configOf(variables)).toMatchObject({ isProduction: true, host: '0.0.0.0' });
  });

  it('has no secret in it', () => {
    const names = Object.keys(manifest.settings);
    expect(names.filter((name) => SECRETS.includes(name) || /SECRET|TOKEN$/.test(name))).toEqual(
      [],
    );
    expect(names).not.toContain('COSMOS_KEY');
  });

  it('signs in as a workload: the annotation on the account, the label on the pod', () => {
    const account = manifest.of('ServiceAccount').metadata;
    const { metadata, spec } = manifest.deployment.template;
    expect(account.annotations).toHaveProperty(['azure.workload.identity/client-id']);
    expect(metadata.labels).toMatchObject({ 'azure.workload.identity/use': 'true' });
    expect(spec.serviceAccountName).toBe(account.name);
  });

  it('stops without losing a request', () => {
    const { deployment, container, settings } = manifest;
    const { readinessProbe: probe } = container;
    const delay = Number(settings['SHUTDOWN_DELAY_MS']);
    expect(probe.periodSeconds * probe.failureThreshold * 1_000).toBeLessThan(delay);
    const longest = delay + Number(settings['SHUTDOWN_TIMEOUT_MS']);
    const grace = deployment.template.spec.terminationGracePeriodSeconds * 1_000;
    expect(grace).toBeGreaterThan(longest);
    expect(container.livenessProbe.httpGet.path).toBe('/health');
    expect(probe.httpGet.path).toBe('/api/diagnostics/readiness');
  });

  it('keeps one of two replicas, and all its parts select the same pods', () => {
    const { deployment } = manifest;
    const { matchLabels } = deployment.selector;
    expect(deployment.replicas).toBe(2);
    expect(deployment.template.metadata.labels).toMatchObject(matchLabels);
    expect(manifest.of('PodDisruptionBudget').spec).toMatchObject({
      minAvailable: 1,
      selector: { matchLabels },
    });
    expect(manifest.of('Service').spec).toMatchObject({ selector: matchLabels });
  });

  it('mounts the volumes that it has, and writes where one is', () => {
    const { container, deployment, settings } = manifest;
    const { volumes } = deployment.template.spec;
    const mounts = container.volumeMounts.map(({ name }) => name);
    expect(mounts).toEqual(volumes.map(({ name }) => name));
    const paths = container.volumeMounts.map(({ mountPath }) => mountPath);
    const used = ['AUDIT_SPOOL', 'JWT_FILE'].flatMap((name) => settings[name] ?? []);
    const outside = used.filter((path) => !paths.some((mount) => path.startsWith(`${mount}/`)));
    expect(outside).toEqual([]);
  });

  it('reads settings and secrets by their names', () => {
    const name = 'notes-backend';
    expect(manifest.of('ConfigMap').metadata.name).toBe(name);
    expect(manifest.container.envFrom).toEqual([
      { configMapRef: { name } },
      { secretRef: { name } },
    ]);
  });
});

interface VaultObject {
  readonly objectName: string;
  readonly objectType: string;
  readonly objectAlias?: string;
}

describe('the class of the secrets', () => {
  const manifest = new Manifest('backend-secrets-store.yaml');
  const { spec } = manifest.of('SecretProviderClass') as unknown as SecretProviderClass;
  const { array } = parse(spec.parameters.objects) as { readonly array: readonly string[] };
  const objects = array.map((text) => parse(text) as VaultObject);
  const [mirrored] = spec.secretObjects;

  it('lists secrets of the vault, and no key', () => {
    const keys = objects.flatMap((object) => Object.keys(object));
    expect(new Set(keys)).toEqual(new Set(['objectName', 'objectType', 'objectAlias']));
    expect(new Set(objects.map(({ objectType }) => objectType))).toEqual(new Set(['secret']));
    expect(objects.map(({ objectName }) => objectName)).toEqual([
      'notes-backend-jwt',
      'notes-backend-record-key',
      'notes-backend-previous-record-keys',
      'notes-backend-audit-secrets',
      'notes-backend-metrics-token',
    ]);
  });

  it('mirrors each variable from a file that it mounts', () => {
    const mounted = objects.map(({ objectName, objectAlias }) => objectAlias ?? objectName);
    const used = mirrored?.data.map(({ objectName }) => objectName) ?? [];
    expect(mounted).toEqual(expect.arrayContaining(used));
    expect(mirrored?.secretName).toBe('notes-backend');
    expect(mirrored?.data.map(({ key }) => key)).toEqual(SECRETS);
    const jwt = `/mnt/secrets/${mounted.find((name) => !used.includes(name)) ?? ''}`;
    expect(manifest.settings['JWT_FILE']).toBe(jwt);
  });

  it('is the one that the pods mount, under the identity that they have', () => {
    const volume = manifest.deployment.template.spec.volumes.find(({ csi }) => csi);
    expect(volume?.csi).toMatchObject({
      driver: 'secrets-store.csi.k8s.io',
      volumeAttributes: {
        secretProviderClass: manifest.of('SecretProviderClass').metadata.name,
      },
    });
    const { annotations } = manifest.of('ServiceAccount').metadata;
    expect(annotations?.['azure.workload.identity/client-id']).toBe(spec.parameters.clientID);
    const vault = `https://${spec.parameters.keyvaultName}.vault.azure.net`;
    expect(manifest.settings['AZURE_KEYVAULT_URL']).toBe(vault);
  });
});

describe('the check of the deployments', () => {
  it('refuses a misspelt variable, a missing one, and another form of the class', () => {
    const { variables } = new Manifest('backend-workload-identity.yaml');
    expect(unknownVariables(['FIELD_ENCRYPT_MEK', 'HOST'])).toEqual(['FIELD_ENCRYPT_MEK']);
    const { FIELD_ENCRYPT_MEK_NAME: name, ...others } = variables;
    expect(name).toBe('notelett-mek');
    expect(() => configOf(others)).toThrow('FIELD_ENCRYPT_MEK_NAME must be set');
    const { JWT_JWKS_URL: keys, ...withoutKeys } = variables;
    expect(keys).toContain('https://');
    expect(() => configOf(withoutKeys)).toThrow('JWT_JWKS_URL must be set in production');
    const item = structuredClone(
      new Manifest('backend-secrets-store.yaml').of('SecretProviderClass'),
    );
    const { parameters } = item.spec as { parameters: Record<string, string> };
    parameters['userAssignedIdentityID'] = randomBytes(4).toString('hex');
    expect(problemOf(item)).toContain('userAssignedIdentityID');
  });
});
