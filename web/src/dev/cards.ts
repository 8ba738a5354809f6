/** The demo's test cards, as its provider knows them (`src/payments/demo.rs`; a test compares). */
export const TEST_CARDS = [
  { number: '4242 4242 4242 4242', does: 'pays' },
  { number: '4000 0000 0000 0002', does: 'is declined' },
  { number: '4000 0025 0000 3155', does: 'has its holder asked first (3-D Secure)' },
  { number: '4000 0000 0000 0119', does: 'never answers' },
] as const;
