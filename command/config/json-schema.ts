/** The JSON Schema of the configuration, which editors read by its `$schema`. @module */
import * as z from 'zod';
import { configSchema } from './config-schema.js';

/** The name of its file in `dist/command`. */
export const JSON_SCHEMA_FILE = 'encrypt-migrate.config.schema.json';

/** The build writes it. */
export function configJsonSchema(): Readonly<Record<string, unknown>> {
  const { $schema, ...schema } = z.toJSONSchema(configSchema('json'), {
    io: 'input',
    target: 'draft-07',
    reused: 'ref',
  });
  const title = 'Configuration of encrypt-migrate';
  return { $schema, title, ...schema };
}
