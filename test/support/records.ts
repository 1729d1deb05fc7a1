/** Record keys made for tests: they protect nothing. */
export const RECORD_KEY = '5b1f0a3c'.repeat(7) + '00112233';
/** By `hkdfSync`, not by the library. */
export const RECORD_KEY_ID = 'c890f69896a59df8';
export const PREVIOUS_RECORD_KEY = 'c4d2e6f8'.repeat(7) + '44556677';
export const OTHER_RECORD_KEY = '90817263'.repeat(7) + '8899aabb';
export const PREVIOUS_RECORD_KEY_ID = '445c7cd809860b6b';
