/** Secrets for a first try on your own machine. They are public: `config.ts` refuses them in production. @module */

/** A master key, made with `encrypt-migrate key new`. */
export const DEVELOPMENT_KEY = 'RBvwq1yALnk4TuxYHFnBpnYf4Wzur2uJ+VD5/XmfZoE=';

/** The key that signs and verifies tokens. */
export const DEVELOPMENT_JWT = {
  kid: 'development',
  secret: 'kPUcO01YIY6QDK4arXAxIqLni6On4dDfRavS98eMD5k',
};
