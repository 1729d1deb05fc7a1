/** This process's environment without what configures encryption: nothing of it goes on by accident. */
export function environmentOfNoKeys(): NodeJS.ProcessEnv {
  const others = Object.entries(process.env).filter(([name]) => !name.startsWith('FIELD_ENCRYPT_'));
  return Object.fromEntries(others);
}
