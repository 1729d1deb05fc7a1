// Writes the golden files beside itself, once: it refuses to replace a file that is there.
import { generateKeyPairSync } from 'node:crypto';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { PRODUCT, hex } from './make/format.mjs';
import { definitions } from './make/definition-cases.mjs';
import { envelopes, surrogateEnvelopes } from './make/envelope-cases.mjs';
import { fieldAads, keySchedules, keyScopes, meks, tuples } from './make/key-cases.mjs';
import { recordMacs } from './make/mac-cases.mjs';
import {
  malformedEnvelopes,
  soundEnvelope,
  unsupportedEnvelopes,
} from './make/malformed-cases.mjs';
import { recoveryKeys } from './make/recovery-cases.mjs';
import { reencryptions } from './make/reencryption-cases.mjs';
import {
  MEKS,
  RECORD_KEY,
  dekRows,
  leases,
  rotationRecords,
  unsupportedRows,
} from './make/row-cases.mjs';

const recordKeyHex = hex(RECORD_KEY);

function malformedFile() {
  const sound = soundEnvelope('hello!', 2);
  return {
    comment:
      'Refused for their form alone: cases as malformed, unsupported as of a later version. The sound ct beneath them is under the first DEK of envelopes.json.',
    cases: malformedEnvelopes(sound),
    unsupported: unsupportedEnvelopes(sound),
  };
}

function rowsFile() {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const rsaPrivateKeyPem = privateKey.export({ type: 'pkcs8', format: 'pem' });
  return {
    comment:
      'DEK rows in every state. The MEKs, the RSA key (for RSA-OAEP-256 and recovery wraps) and the record key exist for tests alone.',
    product: PRODUCT,
    meks: MEKS,
    rsaPrivateKeyPem,
    recordKeyHex,
    cases: dekRows(privateKey),
  };
}

const files = {
  'tuples.json': {
    comment:
      'Length-prefixed tuples; an array inside parts is a tuple that is one element of the outer one.',
    cases: tuples(),
  },
  'key-scope.json': {
    comment:
      'scopeId and dekId of a key scope; for kind document, parts is the collection and the key parts.',
    cases: keyScopes(),
  },
  'key-schedule.json': {
    comment:
      'The field key and the commitment that follow from a DEK; the last three share one DEK.',
    cases: keySchedules(),
  },
  'field-aad.json': {
    comment: 'The additional authenticated data of a field.',
    cases: fieldAads(),
  },
  'envelopes.json': {
    comment:
      'Sealed fields of every plaintext type: value as JSON, valueJson as the text of JSON, or valueBytesHex for bytes.',
    cases: envelopes(),
  },
  'surrogate-envelopes.json': {
    comment:
      'Sealed strings that are not well-formed Unicode, and values with such strings or names inside.',
    cases: surrogateEnvelopes(),
  },
  'malformed-envelopes.json': malformedFile(),
  'dek-rows.json': rowsFile(),
  'unsupported-rows.json': {
    comment:
      'Rows of a later format, each sound but for what its name says: ROW_UNSUPPORTED, never tampering.',
    cases: unsupportedRows(),
  },
  'rotation-records.json': {
    comment: 'Rotation records in every state.',
    recordKeyHex,
    cases: rotationRecords(),
  },
  'record-macs.json': {
    comment:
      'Rows in every state and rotation records: the canonical JSON that is authenticated (text, with macKeyId), and the mac.',
    recordKeyHex,
    cases: recordMacs(),
  },
  'leases.json': { comment: 'Lease items.', cases: leases() },
  'reencryptions.json': {
    comment: 'Items that say which DEKs a re-encryption takes for old.',
    recordKeyHex,
    cases: reencryptions(),
  },
  'definitions.json': {
    comment: 'Records of the paths of a collection under which something may be stored sealed.',
    recordKeyHex,
    cases: definitions(),
  },
  'meks.json': {
    comment:
      'The spellings that the env provider accepts of one MEK, and its version. For tests alone.',
    cases: meks(),
  },
  'recovery-keys.json': {
    comment:
      'Recovery keys of every size, in each form of PEM, and a DEK that is wrapped for them. For tests alone.',
    cases: recoveryKeys(),
  },
};

// ASCII only, so that no editor or checkout can normalise what a case is about.
function asciiJson(value) {
  const escape = (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`;
  return `${JSON.stringify(value, null, 2).replace(/[\u007f-\uffff]/g, escape)}\n`;
}

const place = (name) => join(import.meta.dirname, name);
const present = Object.keys(files).filter((name) => existsSync(place(name)));
if (present.length > 0) {
  process.stderr.write(
    `Refused: golden files are written once, and these exist: ${present.join(', ')}\n`,
  );
  process.exit(1);
}
for (const [name, content] of Object.entries(files)) {
  writeFileSync(place(name), asciiJson(content), { flag: 'wx' });
}
