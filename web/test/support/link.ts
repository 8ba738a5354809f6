/** A TCP link to the server that a test can cut, stall and restore. */
import { createServer, connect, type AddressInfo, type Socket } from 'node:net';

export class Link {
  readonly #pairs = new Set<[Socket, Socket]>();
  readonly #server;
  #cut = false;
  #stalled = false;

  private constructor(port: number) {
    this.#server = createServer((near) => {
      if (this.#cut) return void near.destroy();
      const far = connect(port, '127.0.0.1');
      this.#join(near, far);
    });
  }

  /** A link to the server at this address. */
  static async to(url: string): Promise<Link> {
    const link = new Link(Number(new URL(url).port));
    await new Promise<void>((resolve) => link.#server.listen(0, '127.0.0.1', resolve));
    return link;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Everything ends without a word, and nothing new gets through. */
  cut(): void {
    this.#cut = true;
    this.#drop();
  }

  /** Connections stay open and carry nothing any more, as when a cable is pulled. */
  stall(): void {
    this.#stalled = true;
    for (const pair of this.#pairs) for (const socket of pair) socket.pause();
  }

  restore(): void {
    this.#cut = false;
    this.#stalled = false;
    // A stalled connection stays dead: its bytes were lost on the way.
    for (const [near, far] of this.#pairs) if (near.isPaused() || far.isPaused()) this.#end(near, far);
  }

  async close(): Promise<void> {
    this.#drop();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #join(near: Socket, far: Socket): void {
    const pair: [Socket, Socket] = [near, far];
    this.#pairs.add(pair);
    const pass = (from: Socket, to: Socket): void => {
      from.on('data', (bytes) => to.write(bytes));
      from.on('error', () => this.#end(near, far));
      from.on('close', () => {
        this.#pairs.delete(pair);
        to.destroy();
      });
    };
    pass(near, far);
    pass(far, near);
    if (this.#stalled) for (const socket of pair) socket.pause();
  }

  #drop(): void {
    for (const [near, far] of [...this.#pairs]) this.#end(near, far);
  }

  #end(near: Socket, far: Socket): void {
    near.destroy();
    far.destroy();
  }
}
