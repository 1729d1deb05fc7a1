/** Record keys made for tests: they protect nothing. */
export const RECORD_KEY = '5a29b53da377378660b8ba2c80eca2e68ae86bbc6f7077b115635ea548e5ecbb';
/** By `hkdfSync`, not by the library. */
export const RECORD_KEY_ID = '81a4235820b18b1b';
export const PREVIOUS_RECORD_KEY =
  '26730957d13c4886ce8e69940a0e03ccd835e7542ce05545f9b7f7289fb43afc';
export const OTHER_RECORD_KEY = 'd46497349e967f52fa4acf2a3d04ddccb3ceb037ecae4ea272e86137218faf00';
export const PREVIOUS_RECORD_KEY_ID = 'df645eb6e64f76c9';
