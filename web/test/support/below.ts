/** A proxy that has the server below a path, beside other things of its host, as the files of `ops/proxy` do. */
import { createServer, request, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Below {
  /** `http://127.0.0.1:…/tickets` */
  url: string;
  close(): void;
}

export async function below(path: string, server: string): Promise<Below> {
  const { hostname, port } = new URL(server);
  const passOn = ({ url = '', method, headers }: IncomingMessage) =>
    request({ hostname, port, path: url.slice(path.length), method, headers });
  const proxy = createServer((asked, answer) => {
    if (!asked.url?.startsWith(`${path}/`)) return void answer.writeHead(404).end();
    const passed = passOn(asked);
    passed.on('response', (response) => {
      answer.writeHead(response.statusCode ?? 502, response.headers);
      response.pipe(answer);
    });
    passed.on('error', () => answer.destroy());
    asked.pipe(passed);
  });
  proxy.on('upgrade', (asked, near) => {
    if (!asked.url?.startsWith(`${path}/`)) return void near.destroy();
    const passed = passOn(asked);
    passed.on('upgrade', (response, far) => {
      const headers = Object.entries(response.headers).map(([name, value]) => `${name}: ${String(value)}\r\n`);
      near.write(`HTTP/1.1 101 Switching Protocols\r\n${headers.join('')}\r\n`);
      far.pipe(near).pipe(far);
      for (const [one, other] of [[near, far], [far, near]] as const) one.on('error', () => other.destroy());
    });
    passed.on('error', () => near.destroy());
    passed.end();
  });
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  const address = proxy.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${address.port}${path}`,
    close: () => {
      proxy.close();
      proxy.closeAllConnections();
    },
  };
}
