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
process.send({ isSame: dek.equals(unwrapped), wrappedDek: wrap.wrappedDek });
await new Promise((resolve) => process.once('message', resolve));
const codes = [];
// The server has a fault for each of these.
for (let times = 0; times < 5; times += 1) {
  const work = times % 2 === 1 ? provider.wrapKey(dek, { mekVersion }) : provider.unwrapKey(wrap);
  codes.push(
    await work.then(
      () => 'ok',
      ({ code }) => code,
    ),
  );
}
process.send(codes);
process.disconnect();
