/** Puts what the library says to programmers in the words of the command. @module */

/** What messages of the library name, and what an operator passes or runs for it. */
const WORDS: readonly (readonly [RegExp, string])[] = [
  [/"?allowEmpty: true"?/g, '--allow-empty'],
  [/"?allowUnknown: true"?/g, '--allow-unknown'],
  [/"?takeOver: true"?/g, '--take-over'],
  [/"withoutOpening"/g, '--lost-mek'],
  [
    /"(?:target|mek)" may belong to several key providers; name one of:/g,
    'The MEK version may belong to several key providers: pass --key-provider with one of',
  ],
  [/\bprunePreviousWraps\b/g, 'encrypt-migrate prune'],
  [/\bimportDekRows\b/g, 'encrypt-migrate import-rows'],
  [/\brewrapAllDeks\b/g, 'encrypt-migrate rewrap-deks'],
  [/\brollbackRotation\b/g, 'encrypt-migrate rollback'],
  [/\brecoverDeks\b/g, 'encrypt-migrate recover'],
  [/\baddRecoveryWraps\b/g, 'encrypt-migrate add-recovery-wraps'],
  [/\bresealRecords\b/g, 'encrypt-migrate reseal'],
  [/\babandonDek\b/g, 'encrypt-migrate abandon'],
  [/\badoptRestoredStore\b/g, 'encrypt-migrate adopt-restore'],
  [/\bbackfillDocuments\b/g, 'encrypt-migrate encrypt'],
  [/\breencryptDocuments\b/g, 'encrypt-migrate re-encrypt'],
  [/\bremoveEncryption\b/g, 'encrypt-migrate remove-encryption'],
  [/\bmoveDocuments\b/g, 'encrypt-migrate move'],
  [/\bforgetPaths\b/g, 'encrypt-migrate definitions --forget'],
  [/\bregisterDefinitions\b/g, 'encrypt-migrate definitions --register'],
  [/\bfindMissingDeks\b|\bfindUnreadableRows\b|\bfindOrphanDeks\b/g, 'encrypt-migrate doctor'],
  [/\btakeCensus\b/g, 'encrypt-migrate status'],
  [/\bassertRetirable\b/g, 'encrypt-migrate retire-check'],
];

export function operatorWords(message: string): string {
  return WORDS.reduce((text, [name, word]) => text.replace(name, word), message);
}
