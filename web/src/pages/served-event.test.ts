// @vitest-environment happy-dom
import { afterEach, describe, expect, it } from 'vitest';
import { servedEvent } from './served-event.ts';

function serve(told: unknown): void {
  const script = document.createElement('script');
  script.type = 'application/ld+json';
  script.textContent = typeof told === 'string' ? told : JSON.stringify(told);
  document.head.append(script);
}

afterEach(() => document.head.replaceChildren());

describe('the event of the served page', () => {
  it('is read where the page is about it', () => {
    serve({ '@type': 'Event', url: 'https://tickets.example/events/7', name: 'Night Train', description: 'One night.' });
    expect(servedEvent(7)).toEqual({ name: 'Night Train', description: 'One night.' });
    expect(servedEvent(17)).toBeUndefined();
    expect(servedEvent(undefined)).toBeUndefined();
  });

  it('is none where nothing, or something else, is told', () => {
    expect(servedEvent(7)).toBeUndefined();
    serve('no json');
    serve({ '@type': 'Organization', url: 'https://tickets.example/events/7', name: 'Us' });
    serve({ '@type': 'MusicEvent', url: 'https://tickets.example/events/7' });
    expect(servedEvent(7)).toBeUndefined();
    serve({ '@type': 'MusicEvent', url: 'https://tickets.example/events/7', name: 'Concert' });
    expect(servedEvent(7)).toEqual({ name: 'Concert', description: '' });
  });
});
