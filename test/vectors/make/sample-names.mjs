export const AKV_VERSIONS = [
  '3f1c9a7be2d84c05a6f0b1d2c3e4f586',
  '0b7d2e9c41f84a6f9c3d5e7a8b9c0d1e',
];

export const COMPOSED = 'caf\u00e9';
export const DECOMPOSED = 'cafe\u0301';
export const EMOJI = '\u{1f511}\u{1f469}\u200d\u{1f4bb}';
