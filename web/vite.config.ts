import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { brotliCompress, constants, gzip } from 'node:zlib';
import { defineConfig, type Plugin } from 'vite';

/** Smaller files gain nothing from compression. */
const COMPRESS_FROM_BYTES = 1_024;

/**
 * Writes a `.gz` and a `.br` beside each text file of the build. The server embeds them and never
 * compresses a file itself: it is done once, and as hard as it goes.
 */
function precompressed(): Plugin {
  let folder = '';
  return {
    name: 'precompressed',
    apply: 'build',
    configResolved(config) {
      folder = config.build.outDir;
    },
    async closeBundle() {
      const files = await readdir(folder, { recursive: true });
      const texts = files.filter((file) => /\.(?:js|css|html|svg|json|webmanifest)$/.test(file));
      await Promise.all(texts.map((file) => compress(join(folder, file))));
    },
  };
}

async function compress(file: string): Promise<void> {
  const bytes = await readFile(file);
  if (bytes.length < COMPRESS_FROM_BYTES) return;
  const [zipped, brotli] = await Promise.all([
    promisify(gzip)(bytes, { level: 9, memLevel: 9 }),
    promisify(brotliCompress)(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } }),
  ]);
  await Promise.all([writeFile(`${file}.gz`, zipped), writeFile(`${file}.br`, brotli)]);
}

/**
 * Leaves a dynamic import as it is. Vite puts a helper of 1.3 kB before it, which every site with our elements would have to
 * load, and which has nothing to do here: what is imported later has no style sheets.
 */
function plainImports(): Plugin {
  return {
    name: 'plain-imports',
    apply: 'build',
    enforce: 'post',
    transform: (_code, id) => (id.endsWith('vite/preload-helper.js') ? 'export const __vitePreload = (load) => load();' : undefined),
  };
}

/**
 * The modules of the smallest element and its door, which other sites load alone: they make one file, as two would be packed
 * worse.
 */
function smallestElement(): Plugin & { has: (id: string) => boolean } {
  const imports = new Map<string, readonly string[]>();
  let all: Set<string> | undefined;
  const reach = (id: string, seen = new Set<string>()): Set<string> => {
    if (seen.has(id)) return seen;
    seen.add(id);
    for (const imported of imports.get(id) ?? []) reach(imported, seen);
    return seen;
  };
  return {
    name: 'smallest-element',
    apply: 'build',
    moduleParsed: ({ id, importedIds }) => void imports.set(id, importedIds),
    has(id) {
      all ??= new Set([...imports.keys()].filter((one) => /\/src\/elements\/availability\.ts$/.test(one)).flatMap((door) => [...reach(door)].filter((one) => one !== door)));
      return all.has(id);
    },
  };
}

const smallest = smallestElement();

/** Takes comments and indentation out of style sheets and templates, which minifiers leave as the texts that they are. */
function squeezedStyles(): Plugin {
  const squeeze = (sheet: string): string =>
    sheet
      .replace(/\/\*.*?\*\//gs, '')
      .replace(/\s+/g, ' ')
      .replace(/ ?([{};,>]) ?/g, '$1')
      .replace(/: (?=[^;{}]*[;}])/g, ':')
      .replace(/;}/g, '}');
  return {
    name: 'squeezed-styles',
    apply: 'build',
    enforce: 'pre',
    // Lines of templates begin with their words: what stands before is for people who read the source.
    transform: (code, id) => (/\/src\/.*\.ts$/.test(id) ? code.replace(/css`[^`]*`/g, squeeze).replace(/\n[ \t]+/g, '\n') : undefined),
  };
}

/**
 * Takes out what Lit has for authors of elements: sentences about what the types forbid, and notes of its version for a warning
 * of its development build. No visitor should load them.
 */
function terseLit(): Plugin {
  const terse = (code: string): string =>
    code
      .replace(/throw Error\("[^"]*"(?:\+\w+\+"[^"]*")*\)/g, 'throw Error("Lit")')
      .replace(/\(\w+\.(?:lit\w+|reactiveElement)Versions\?\?=\[\]\)\.push\("[^"]*"\)/g, '0');
  return {
    name: 'terse-lit',
    apply: 'build',
    transform: (code, id) => (/\/node_modules\/(?:@lit|lit-html|lit-element)\//.test(id) ? terse(code) : undefined),
  };
}

/**
 * Tells each service worker the files of its page, so that it opens without network: all that its entry imports, at once or
 * later, and its style sheets. The check-in page has its fonts at once; the others' are kept when they are used.
 */
function filesOfWorkers(): Plugin {
  return {
    name: 'files-of-workers',
    apply: 'build',
    enforce: 'post',
    generateBundle(_options, bundle) {
      const filesOf = (entry: string, withAssets: boolean): string[] => {
        const files = new Set<string>();
        const add = (name: string): void => {
          const file = bundle[name];
          if (files.has(name) || !file) return;
          files.add(name);
          if (file.type !== 'chunk') return;
          const { importedAssets, importedCss } = file.viteMetadata ?? { importedAssets: new Set<string>(), importedCss: new Set<string>() };
          for (const imported of [...file.imports, ...file.dynamicImports, ...importedCss, ...(withAssets ? importedAssets : [])]) add(imported);
        };
        for (const file of Object.values(bundle)) if (file.type === 'chunk' && file.isEntry && file.name === entry) add(file.fileName);
        // Fonts and pictures that style sheets name.
        for (const file of withAssets ? Object.values(bundle) : []) {
          const isNamed = (sheet: string): boolean => {
            const named = bundle[sheet];
            return sheet.endsWith('.css') && named?.type === 'asset' && String(named.source).includes(file.fileName);
          };
          if ([...files].some(isNamed)) files.add(file.fileName);
        }
        return [...files].sort().map((file) => `/${file}`);
      };
      const checkIn = ['/favicon.svg', ...filesOf('checkin', true)];
      const shell = filesOf('page', false);
      const version = createHash('sha256').update(shell.join()).digest('hex').slice(0, SHELL_VERSION_LENGTH);
      for (const file of Object.values(bundle)) {
        if (file.type !== 'chunk') continue;
        if (file.name === 'checkin-worker') file.code = file.code.replace('__CHECK_IN_FILES__', JSON.stringify(checkIn));
        if (file.name === 'sw') file.code = file.code.replace(/\bSHELL_FILES\b/g, JSON.stringify(shell)).replace(/\bSHELL_VERSION\b/g, JSON.stringify(version));
      }
    },
  };
}
/** Puts the lines that all pages' heads have in their place. */
function sharedHead(): Plugin {
  const lines = readFileSync(new URL('head.html', import.meta.url), 'utf8').trim();
  return {
    name: 'shared-head',
    transformIndexHtml: { order: 'pre', handler: (page) => page.replace('<!-- head.html -->', lines) },
  };
}

/** Enough to tell builds apart. */
const SHELL_VERSION_LENGTH = 12;

/** Entries that are pages of this server, and workers, which browsers look for beside the pages; the others are for other sites. */
const PAGES = new Set(['page', 'desk', 'checkin', 'dev']);
const WORKERS = new Map([['checkin-worker', 'checkin.js'], ['sw', 'sw.js']]);

/** Small files that all pages of the shop load are packed worse than one. */
const OF_ALL_PAGES = /\/src\/pages\/(?:shared\.styles|app\.words|language)\.ts$/;

export default defineConfig({
  plugins: [sharedHead(), smallest, squeezedStyles(), plainImports(), terseLit(), filesOfWorkers(), precompressed()],
  build: {
    target: 'es2022',
    // Everything is a file of its own: the page's CSP forbids what is inlined.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false, resolveDependencies: (_file, scripts, { hostType }) => (hostType === 'html' ? scripts : []) },
    rolldownOptions: {
      input: {
        page: 'index.html',
        desk: 'desk.html',
        checkin: 'checkin.html',
        dev: 'dev.html',
        'checkin-worker': 'src/door/worker.ts',
        sw: 'src/worker/sw.ts',
        seatcast: 'src/elements/index.ts',
        availability: 'src/elements/availability.ts',
      },
      preserveEntrySignatures: 'exports-only',
      // As the SDK's package says (client/package.json): a script that imports one part of its index loads no other part.
      treeshake: { moduleSideEffects: [{ test: /\/src\/sdk\//, sideEffects: false }] },
      output: {
        codeSplitting: {
          groups: [
            { name: 'live', test: (id) => smallest.has(id), priority: 1 },
            { name: 'shop', test: OF_ALL_PAGES },
          ],
        },
        // Other sites embed the elements by this name; what it loads is named by its content.
        entryFileNames: ({ name }) => WORKERS.get(name) ?? (PAGES.has(name) ? 'assets/[name]-[hash].js' : 'embed/[name].js'),
        chunkFileNames: 'assets/[name]-[hash].js',
        assetFileNames: 'assets/[name]-[hash][extname]',
      },
    },
  },
  server: {
    // `npm run dev` beside a server that runs on its usual port.
    proxy: {
      '/api': 'http://127.0.0.1:8000',
      '/realtime': { target: 'http://127.0.0.1:8000', ws: true },
    },
  },
});
