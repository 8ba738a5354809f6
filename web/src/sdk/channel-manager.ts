/**
 * Keeps a page's channels of a Supabase client within a bound: when one more is asked for, the one that was used longest ago
 * is let go. Topics of `SeatcastClient` need no such thing; they share connections.
 *
 *     const channels = new ChannelManager(supabase);
 *     channels.subscribe('event-tickets:42').on('postgres_changes', …, listener).subscribe();
 */

/** The part of a Supabase client that is used. */
export interface ChannelSource<Channel, Options> {
  channel(name: string, options?: Options): Channel;
  removeChannel(channel: Channel): unknown;
}

export const CHANNELS_MAX = 10;

export class ChannelManager<Channel, Options = unknown> {
  readonly #source: ChannelSource<Channel, Options>;
  readonly #max: number;
  readonly #letGo: ((name: string) => void) | undefined;
  /** The one that was used longest ago first. */
  readonly #channels = new Map<string, Channel>();

  /** `letGo` is told which channel made room for another one: its user may want to show that it is not live any more. */
  constructor(source: ChannelSource<Channel, Options>, { max = CHANNELS_MAX, letGo }: { max?: number; letGo?: (name: string) => void } = {}) {
    if (!(max >= 1)) throw new RangeError('a page needs at least one channel');
    this.#source = source;
    this.#max = max;
    this.#letGo = letGo;
  }

  /** Names of the open channels, the one that was used longest ago first. */
  get names(): string[] {
    return [...this.#channels.keys()];
  }

  /** The channel of that name: a new one with these options, or the one that is open. It is the latest to be used. */
  subscribe(name: string, options?: Options): Channel {
    const open = this.#channels.get(name);
    if (open !== undefined) {
      this.#channels.delete(name);
      this.#channels.set(name, open);
      return open;
    }
    while (this.#channels.size >= this.#max) {
      const [oldest] = this.#channels.keys();
      this.unsubscribe(oldest!);
      this.#letGo?.(oldest!);
    }
    const channel = this.#source.channel(name, options);
    this.#channels.set(name, channel);
    return channel;
  }

  unsubscribe(name: string): void {
    const channel = this.#channels.get(name);
    if (channel === undefined) return;
    this.#channels.delete(name);
    // It answers by a promise, whose failure says only that the link is gone.
    void Promise.resolve(this.#source.removeChannel(channel)).catch(() => {});
  }

  unsubscribeAll(): void {
    for (const name of this.names) this.unsubscribe(name);
  }
}
