import { defineConfig } from 'tsup';

export default defineConfig({
  entry: [
    'src/index.ts',
    'src/adapters.ts',
    'src/audit-sinks/index.ts',
    'src/azure/cosmos/index.ts',
    'src/azure/key-vault/index.ts',
    'src/otel/index.ts',
    'src/sqlite/index.ts',
    'src/testing/index.ts',
  ],
  format: 'esm',
  target: 'node20',
  tsconfig: 'tsconfig.build.json',
  dts: true,
  // With the sources in them, which are not in the package.
  sourcemap: true,
  removeNodeProtocol: false,
  clean: true,
});
