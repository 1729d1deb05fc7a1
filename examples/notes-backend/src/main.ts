/** Starts the service, and stops it without losing a request. @module */
import { isFieldEncryptionError } from '@bytelyst/field-encrypt';
import { ConfigError, readConfig, type TelemetrySettings } from './lib/config.js';
import { readEnvironment } from './lib/environment.js';
import { initEncryption } from './lib/field-encrypt.js';
import { shownError } from './lib/logging.js';
import { stopOnSignals } from './lib/shutdown.js';
import { Tokens } from './lib/tokens.js';
import { buildServer } from './server.js';

try {
  await start();
} catch (error) {
  const isAboutConfig = error instanceof ConfigError || isFieldEncryptionError(error);
  console.error(isAboutConfig ? error.message : JSON.stringify(shownError(error)));
  process.exitCode = error instanceof ConfigError ? 2 : 1;
}

async function start(): Promise<void> {
  const config = readConfig(readEnvironment(process.env));
  const tokens = new Tokens(config.tokens);
  const encryption = await initEncryption(config);
  const telemetry = config.telemetry && (await startTelemetry(config.telemetry));
  const { app, readiness } = await buildServer({ config, tokens, telemetry, ...encryption });
  stopOnSignals({ app, readiness, config, telemetry, close: encryption.close });
  process.on('SIGHUP', () => {
    try {
      tokens.replaceSettings(readConfig(readEnvironment(process.env)).tokens);
      app.log.info('The keys of tokens were read again');
    } catch (error) {
      const problems = error instanceof ConfigError ? error.problems : undefined;
      app.log.error({ err: error, problems }, 'The keys of tokens stay as they were');
    }
  });
  await app.listen({ host: config.host, port: config.port });
}

/** Where nothing is measured, nothing of OpenTelemetry is loaded. */
async function startTelemetry(settings: TelemetrySettings) {
  const { Telemetry } = await import('./diagnostics/telemetry.js');
  return new Telemetry(settings);
}
