// Wraps and unwraps a DEK that it is given, in good times and in bad ones, and says how it went.
const [, , adapter, vaultUrl, mekName, mekVersion] = process.argv;
const { AkvKeyProvider } = await import(adapter);
const { DefaultAzureCredential } = await import('@azure/identity');

const provider = new AkvKeyProvider({
  vaultUrl,
  mekName,
  credential: new DefaultAzureCredential(),
  maxAttempts: 2,
  maxRetryDelayMs: 0,
  insecureAllowLoopback: true,
});
const dek = Buffer.from(process.env.TEST_DEK, 'hex');
const wrap = await provider.wrapKey(dek, { mekVersion });
const unwrapped = await provider.unwrapKey(wrap);
const codes = [];
// The server has a fault for each of these.
for (let times = 0; times < 5; times += 1) {
  const work = times % 2 ? provider.wrapKey(dek, { mekVersion }) : provider.unwrapKey(wrap);
  codes.push(
    await work.then(
      () => 'ok',
      ({ code }) => code,
    ),
  );
}
process.send({ isSame: dek.equals(unwrapped), codes, wrappedDek: wrap.wrappedDek });
process.disconnect();
