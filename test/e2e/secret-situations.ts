/** What other people and services do while secrets change. @module */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { tokenFor } from '../support/running-backend.js';
import { AuditService } from './audit-service.js';
import type { Situation } from './situations.js';
import type { StoryWorld } from './story-world.js';

const services = new WeakMap<StoryWorld, AuditService>();

async function changeEnv(
  { deployment }: StoryWorld,
  changes: Readonly<Record<string, string | undefined>>,
): Promise<void> {
  deployment.setEnv(changes);
  if (!(await deployment.rolledOut())) throw new Error(`No pod is ready: ${deployment.stderr}`);
}

function auditSecret(): string {
  return `whsec_${randomBytes(32).toString('base64')}`;
}

export const secretSituations: Readonly<Record<string, Situation>> = {
  /** As examples/kubernetes/backend-secrets-store.yaml deploys the service. */
  'secrets-in-the-vault': async (world) => {
    const { deployment, mounted } = world;
    const { JWT_CURRENT_KID, JWT_CURRENT_SECRET, FIELD_ENCRYPT_RECORD_KEY, METRICS_TOKEN } =
      deployment.env;
    const key = randomBytes(32).toString('base64');
    const jwt = `JWT_CURRENT_KID=${String(JWT_CURRENT_KID)}\nJWT_CURRENT_SECRET=${String(JWT_CURRENT_SECRET)}\n`;
    mounted.put('notes-backend-jwt', jwt);
    mounted.put('notes-backend-record-key', String(FIELD_ENCRYPT_RECORD_KEY));
    mounted.put('notes-backend-previous-record-keys', key);
    mounted.put('notes-backend-metrics-token', String(METRICS_TOKEN));
    mounted.poll();
    await changeEnv(world, {
      JWT_CURRENT_KID: undefined,
      JWT_CURRENT_SECRET: undefined,
      JWT_FILE: mounted.fileOf('jwt.env'),
      FIELD_ENCRYPT_PREVIOUS_RECORD_KEYS: key,
    });
  },
  'users-are-away': ({ clients }) => clients.stop(),
  /** With tokens under the key that signs now. */
  'users-are-back': async ({ clients, deployment, shell }) => {
    clients.start();
    shell.export({ OPERATOR_TOKEN: await tokenFor([], deployment.env, ['operator']) });
  },
  'an-audit-service': async (world) => {
    const { mounted, folder } = world;
    const secret = auditSecret();
    const service = new AuditService([secret]);
    services.set(world, service);
    world.atEnd(() => service.stop());
    mounted.put('notes-backend-audit-secrets', secret);
    mounted.poll();
    await changeEnv(world, {
      AUDIT_FILE: undefined,
      AUDIT_URL: await service.start(),
      AUDIT_SECRETS: secret,
      AUDIT_SPOOL: join(folder, 'audit-spool'),
    });
  },
  'the-audit-service-knows-the-new-secret': (world) => {
    const service = services.get(world);
    const [newest = ''] = (world.mounted.variables()['AUDIT_SECRETS'] ?? '').split(',');
    if (service) service.secrets = [newest];
  },
};
