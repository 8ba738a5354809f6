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
  it('is read where the page was served for it', () => {
    serve({ '@type': 'Event', name: 'Night Train', location: { '@type': 'Place', name: 'Depot 4' }, description: 'One night.' });
    expect(servedEvent(7, '/events/7')).toEqual({ name: 'Night Train', venue: 'Depot 4', description: 'One night.' });
    expect(servedEvent(17, '/events/7')).toBeUndefined();
    expect(servedEvent(7, '/')).toBeUndefined();
    expect(servedEvent(undefined, '/events/7')).toBeUndefined();
  });

  it('is none where nothing, or something else, is told', () => {
    expect(servedEvent(7, '/events/7')).toBeUndefined();
    serve('no json');
    serve({ '@type': 'Organization', name: 'Us' });
    expect(servedEvent(7, '/events/7')).toBeUndefined();
    serve({ '@type': 'Event', name: 'Concert' });
    expect(servedEvent(7, '/events/7')).toEqual({ name: 'Concert', venue: '', description: '' });
  });
});
