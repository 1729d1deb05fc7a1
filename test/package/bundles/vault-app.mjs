import { runNotes } from './run-notes.mjs';

runNotes({ keyVault: () => import('@bytelyst/field-encrypt/azure/key-vault') });
