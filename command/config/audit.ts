/** Opens the audit trail of the configuration. @module */
import { resolve } from 'node:path';
import type { AuditSink, Clock } from '@bytelyst/field-encrypt';
import { AUDIT_SINK } from './code-values.js';
import type { LoadedConfig } from './config-file.js';
import type { AuditFileSettings, AuditHttpSettings } from './settings.js';
import { describeObject } from './stores.js';
import { createdAt, at, ValueReader } from './value-reader.js';

export interface AuditBacklog {
  readonly events: number;
  /** Why the last attempt failed: a status or a code. */
  readonly lastFailure?: string;
}

export interface OpenAudit {
  readonly sink: AuditSink;
  /** Where events go, for people. */
  readonly describe: string;
  /**
   * Sends what waits, and ends.
   *
   * @param timeoutMs - How long to send at most.
   * @returns What still waits; absent for a sink that has nothing to send.
   */
  readonly close: (timeoutMs: number) => Promise<AuditBacklog | undefined>;
}

/** @returns `undefined` where no audit trail is configured. */
export async function openAudit(
  config: LoadedConfig,
  clock: Clock,
): Promise<OpenAudit | undefined> {
  const { audit } = config.settings;
  if (audit === undefined) return undefined;
  if (AUDIT_SINK.is(audit)) {
    return {
      sink: audit,
      describe: describeObject(audit),
      close: () => Promise.resolve(undefined),
    };
  }
  return audit.type === 'file' ? openFile(config, audit, clock) : openHttp(config, audit, clock);
}

const PATH = 'audit';

async function openFile(
  { env, folder }: LoadedConfig,
  settings: AuditFileSettings,
  clock: Clock,
): Promise<OpenAudit> {
  const { FileAuditSink } = await import('@bytelyst/field-encrypt/audit');
  const reader = new ValueReader(env);
  const file = resolve(folder, reader.text(at(PATH, 'file'), settings.file));
  reader.finish();
  const { maxBytes } = settings;
  const sink = createdAt(
    PATH,
    () => new FileAuditSink({ file, clock, ...(maxBytes !== undefined && { maxBytes }) }),
  );
  const close = async (): Promise<undefined> => {
    await sink.close();
  };
  return { sink, describe: `the file ${file}`, close };
}

async function openHttp(
  { env, folder }: LoadedConfig,
  settings: AuditHttpSettings,
  clock: Clock,
): Promise<OpenAudit> {
  const { HttpAuditSink } = await import('@bytelyst/field-encrypt/audit');
  const reader = new ValueReader(env);
  const url = reader.text(at(PATH, 'url'), settings.url);
  const secrets = reader.text(at(PATH, 'secrets'), settings.secrets).split(',');
  const spool = resolve(folder, reader.text(at(PATH, 'folder'), settings.folder));
  const token = reader.optionalText(at(PATH, 'token'), settings.token);
  reader.finish();
  const { maxBytes } = settings;
  const options = {
    url,
    secrets,
    folder: spool,
    clock,
    ...(token !== undefined && { authorization: () => `Bearer ${token}` }),
    ...(maxBytes !== undefined && { maxBytes }),
  };
  const names = { secrets: `the variable ${settings.secrets.env}` };
  const sink = createdAt(PATH, () => new HttpAuditSink(options), names);
  const close = async (timeoutMs: number): Promise<AuditBacklog> => {
    try {
      return await sink.flush({ timeoutMs });
    } finally {
      await sink.close();
    }
  };
  return { sink, describe: `${new URL(url).origin}, by way of the folder ${spool}`, close };
}
