/** The script of a workspace: `pnpm --filter notes run encrypt-migrate -- --product notelett --mode status`. */
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const manifest = createRequire(import.meta.url).resolve('@bytelyst/field-encrypt/package.json');
await import(new URL('dist/command/encrypt-migrate.js', pathToFileURL(manifest)).href);
