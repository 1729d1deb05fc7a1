/** How many rows have a recovery wrap and a mac. @module */
import { createHash, createPublicKey } from 'node:crypto';
import type { DekStore } from '@bytelyst/field-encrypt';
import * as z from 'zod';
import type { OpenProduct } from '../../config/open-product.js';
import type { Finding } from '../../report/mode-report.js';
import { commandOn, plural } from '../inspecting/findings.js';
import type { ModeContext } from '../mode.js';
import { ok, warn } from './line.js';

const count = z.number().int().min(0);

export const coverSchema = z.strictObject({
  /** Live rows that can be read. */
  rows: count,
  /** With a wrap for the configured recovery key. */
  withRecoveryWrap: count,
  /** With a wrap for another one. */
  withOtherRecoveryWrap: count,
  /** With a mac of a configured record key. */
  authenticated: count,
});

export type Cover = z.output<typeof coverSchema>;

export async function coverOf(
  { signal }: ModeContext,
  { product, dekStore }: { readonly product: string; readonly dekStore: DekStore },
  recoveryKey: string | undefined,
): Promise<Cover> {
  const id = recoveryKey === undefined ? undefined : recoveryKeyId(recoveryKey);
  const cover = { rows: 0, withRecoveryWrap: 0, withOtherRecoveryWrap: 0, authenticated: 0 };
  let continuation: string | undefined;
  do {
    const page = await dekStore.list(
      { product },
      { signal, ...(continuation && { continuation }) },
    );
    for (const { value, authenticatedBy } of page.items) {
      const { state, recoveryWrap } = (value ?? {}) as Row;
      if (state !== 'active' && state !== 'retired') continue;
      cover.rows += 1;
      if (authenticatedBy !== undefined) cover.authenticated += 1;
      if (recoveryWrap === undefined) continue;
      if (recoveryWrap?.recoveryKeyId === id) cover.withRecoveryWrap += 1;
      else cover.withOtherRecoveryWrap += 1;
    }
    ({ continuation } = page);
  } while (continuation !== undefined);
  return cover;
}

interface Row {
  readonly state?: unknown;
  readonly recoveryWrap?: { readonly recoveryKeyId?: unknown } | null;
}

/** As rows name it: docs/format.md. */
function recoveryKeyId(pem: string): string {
  const spki = createPublicKey(pem).export({ type: 'spki', format: 'der' });
  return createHash('sha256').update(spki).digest('hex').slice(0, 16);
}

export function recoveryCheck(
  context: ModeContext,
  { rows, withRecoveryWrap, withOtherRecoveryWrap }: Cover,
  isConfigured: boolean,
): Finding {
  const check = 'recovery-key';
  const others =
    withOtherRecoveryWrap > 0
      ? `; ${plural(withOtherRecoveryWrap, 'row')} with a wrap for another recovery key`
      : '';
  if (!isConfigured) {
    return warn(check, `No recovery key is configured${others}`, {
      action: 'Add "recoveryKey" to the product: without it, a lost MEK is the loss of every DEK.',
    });
  }
  const message = `${withRecoveryWrap.toLocaleString('en-US')} of ${plural(rows, 'row')} with a wrap for the recovery key${others}`;
  if (withRecoveryWrap === rows) return ok(check, message);
  return warn(check, message, { command: commandOn(context, 'add-recovery-wraps') });
}

export async function authenticationCheck(
  context: ModeContext,
  product: OpenProduct,
  { rows, authenticated }: Cover,
): Promise<Finding> {
  const check = 'record-authentication';
  const { settings } = await context.config();
  if (settings.products[product.product]?.recordKey === undefined) {
    return warn(check, 'Record authentication is off', {
      action:
        'Add "recordKey" to the product: without it, who can write the DEK store can plant a DEK.',
    });
  }
  const message = `${authenticated.toLocaleString('en-US')} of ${plural(rows, 'row')} with a mac of the record key`;
  if (authenticated === rows) return ok(check, message);
  return warn(check, message, { command: commandOn(context, 'reseal') });
}
