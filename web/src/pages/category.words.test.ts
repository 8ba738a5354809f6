import { expect, it } from 'vitest';
import { categoryWords } from './category.words.ts';

it('a usual category has its word, and any other stays as the organizer wrote it', () => {
  expect(categoryWords('th', 'Music')).toBe('ดนตรี');
  expect(categoryWords('fa', 'theater')).toBe(categoryWords('fa', 'theatre'));
  expect(categoryWords('en', 'music')).toBe('music');
  for (const language of ['en', 'th', 'fa'] as const) expect(categoryWords(language, 'constructor')).toBe('constructor');
});
