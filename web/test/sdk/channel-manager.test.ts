import { expect, it } from 'vitest';
import { ChannelManager } from '../../src/sdk/index.ts';

class FakeSupabase {
  readonly open = new Set<string>();
  made = 0;

  channel(name: string): { name: string } {
    this.made += 1;
    this.open.add(name);
    return { name };
  }

  async removeChannel({ name }: { name: string }): Promise<void> {
    this.open.delete(name);
    throw new Error('the link is gone');
  }
}

const tenth = (prefix: string): string[] => Array.from({ length: 10 }, (_, index) => `${prefix}:${index}`);

it('keeps ten channels, and lets the one go that was used longest ago', () => {
  const supabase = new FakeSupabase();
  const gone: string[] = [];
  const channels = new ChannelManager(supabase, { letGo: (name) => gone.push(name) });
  for (const name of tenth('event')) channels.subscribe(name);
  // Used again, so it is not the oldest any more.
  channels.subscribe('event:0');
  channels.subscribe('event:10');
  expect(supabase.open.size).toBe(10);
  expect(gone).toEqual(['event:1']);
  expect(channels.names.slice(-2)).toEqual(['event:0', 'event:10']);
});

it('gives the channel that is open rather than another one', () => {
  const supabase = new FakeSupabase();
  const channels = new ChannelManager(supabase);
  expect(channels.subscribe('event:1')).toBe(channels.subscribe('event:1'));
  expect(supabase.made).toBe(1);
});

it('leaves one, or all', () => {
  const supabase = new FakeSupabase();
  const channels = new ChannelManager(supabase, { max: 2 });
  channels.subscribe('event:1');
  channels.subscribe('event:2');
  channels.unsubscribe('event:1');
  channels.unsubscribe('event:7');
  expect([...supabase.open]).toEqual(['event:2']);
  channels.unsubscribeAll();
  expect([...supabase.open]).toEqual([]);
});
