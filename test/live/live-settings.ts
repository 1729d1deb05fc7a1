/** The settings of the live tests in environment variables, and which names they refuse. @module */
import { EnvironmentReader, type Environment } from '../../src/encryptor/environment-reader.js';
import { ConfigurationError } from '../../src/errors/errors.js';
import { isVaultKeyName, isVaultUrl } from '../../src/provider/named-mek.js';
import { Refusal } from './refusal.js';

export interface LiveSettings {
  readonly vaultUrl: string;
  readonly mekName: string;
  readonly cosmosEndpoint: string;
  /** Absent: the tests sign in as they do to the vault, and make no container. */
  readonly cosmosKey: string | undefined;
  readonly database: string;
  readonly dekContainer: string;
  readonly documentsContainer: string;
  readonly allowsLoopback: boolean;
}

/** Stands in a name by itself: `notelett-test` and `test_deks` have it, `latest` has not. */
const TEST_MARK = /(^|[-_])tests?([-_]|$)/;
/** The SDK puts names into paths as they are, and one of dots would be another place. */
const COSMOS_NAME = /^[0-9A-Za-z_-]{1,255}$/;
const LOOPBACK_HOSTS = ['localhost', '127.0.0.1', '[::1]'];
const ALLOW_LOOPBACK = 'FIELD_ENCRYPT_TEST_ALLOW_LOOPBACK';

/** @throws Refusal that lists everything that is missing or wrong. */
export function readLiveSettings(env: Environment): LiveSettings {
  const reader = new EnvironmentReader(env);
  const allowsLoopback = reader.oneOf(ALLOW_LOOPBACK, ['1'], false) === '1';
  const settings = {
    vaultUrl: readAddress(reader, 'AZURE_KEYVAULT_URL', allowsLoopback),
    mekName: readMekName(reader),
    cosmosEndpoint: readAddress(reader, 'COSMOS_ENDPOINT', allowsLoopback),
    cosmosKey: reader.optional('COSMOS_KEY'),
    database: readCosmosName(reader, 'COSMOS_DATABASE', 'field-encrypt-test'),
    dekContainer: readContainer(reader, 'COSMOS_CONTAINER', 'dek-store-test'),
    documentsContainer: readContainer(reader, 'COSMOS_DOCUMENTS_CONTAINER', 'documents-test'),
    allowsLoopback,
  };
  if (settings.dekContainer === settings.documentsContainer) {
    reader.report('COSMOS_DOCUMENTS_CONTAINER', 'must be another container than COSMOS_CONTAINER');
  }
  finish(reader);
  return settings;
}

function readAddress(
  reader: EnvironmentReader,
  variable: 'AZURE_KEYVAULT_URL' | 'COSMOS_ENDPOINT',
  allowsLoopback: boolean,
): string {
  const what = variable === 'COSMOS_ENDPOINT' ? 'the Cosmos DB account' : 'the vault';
  const address = reader.required(variable, `the address of ${what}, https://…`);
  if (address === undefined) return '';
  if (!isVaultUrl(address)) {
    reader.report(variable, 'must be https:// and a host, without path or query');
    return '';
  }
  if (!allowsLoopback && LOOPBACK_HOSTS.includes(new URL(address).hostname)) {
    reader.report(variable, `is on this machine: for an emulator, set ${ALLOW_LOOPBACK}=1`);
  }
  return address;
}

function readMekName(reader: EnvironmentReader): string {
  const variable = 'FIELD_ENCRYPT_MEK_NAME';
  const name = reader.required(variable, 'the name of a key for tests');
  if (name === undefined) return '';
  if (!isVaultKeyName(name)) {
    reader.report(variable, 'must be letters, digits and dashes, without a version');
  }
  requireTestMark(reader, variable, name);
  return name;
}

function readContainer(reader: EnvironmentReader, variable: string, usual: string): string {
  const name = readCosmosName(reader, variable, usual);
  requireTestMark(reader, variable, name);
  return name;
}

function readCosmosName(reader: EnvironmentReader, variable: string, usual: string): string {
  const name = reader.optional(variable) ?? usual;
  if (!COSMOS_NAME.test(name)) {
    reader.report(variable, 'must be letters, digits, "-" and "_"');
  }
  return name;
}

function requireTestMark(reader: EnvironmentReader, variable: string, name: string): void {
  if (TEST_MARK.test(name)) return;
  reader.report(variable, 'is not named for tests: "test" must stand in it, as in "notelett-test"');
}

function finish(reader: EnvironmentReader): void {
  try {
    reader.finish();
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error;
    const lines = error.problems.map(({ variable, problem }) => `\n- ${variable} ${problem}`);
    throw new Refusal(`The live tests are not configured, and touched nothing:${lines.join('')}`);
  }
}
