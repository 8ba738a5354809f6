/** Bundles a page of a framework as its users do, and runs it in the test's document. */
import { join } from 'node:path';
import { rolldown } from 'rolldown';

/** Tests run in `web/`; in the environment of a page `import.meta.url` is no file. */
const here = join(process.cwd(), 'test/frameworks');

/** What the page exports. `alias`: packages that come from elsewhere. */
export async function load<T>(page: string, alias: Record<string, string> = {}): Promise<T> {
  const define = { 'process.env.NODE_ENV': '"development"', __VUE_OPTIONS_API__: 'true', __VUE_PROD_DEVTOOLS__: 'false', __VUE_PROD_HYDRATION_MISMATCH_DETAILS__: 'false' };
  const bundle = await rolldown({ input: join(here, page), platform: 'browser', logLevel: 'silent', resolve: { alias }, transform: { define } });
  const { output } = await bundle.generate({ format: 'iife', name: 'page', inlineDynamicImports: true });
  // Scripts of a page are run so; the test's own imports only know files of the project.
  return new Function(`${output[0].code}; return page;`)() as T;
}

/** Where the packages of a folder are. */
export function modules(folder: string, ...names: string[]): Record<string, string> {
  return Object.fromEntries(names.map((name) => [name, join(here, folder, 'node_modules', name)]));
}
