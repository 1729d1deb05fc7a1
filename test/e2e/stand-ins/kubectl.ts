/** A stand-in for kubectl: the runner has the replicas, and answers for the cluster. */
import { readFileSync } from 'node:fs';

const words = process.argv.slice(2);
const reads = words.includes('-') || words.includes('--from-file=-');
const response = await fetch(String(process.env['E2E_CLUSTER']), {
  method: 'POST',
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify({ words, input: reads ? readFileSync(0, 'utf8') : '' }),
});
const { exitCode, stdout, stderr } = (await response.json()) as {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
};
process.stderr.write(stderr);
process.stdout.write(stdout);
process.exitCode = exitCode;
