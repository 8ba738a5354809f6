/** Compiles the SDK for the package: ESM and its types, a file for each source, so that bundlers take what is used. */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));

/** Runs a program of a package, as it is found from a folder. */
function compile(from, packageName, program, ...words) {
  const found = createRequire(join(here, from, 'package.json')).resolve(`${packageName}/package.json`);
  execFileSync(process.execPath, [join(dirname(found), program), ...words], { stdio: 'inherit' });
}

rmSync(join(here, 'dist'), { recursive: true, force: true });
compile('.', 'typescript', 'bin/tsc', '-p', join(here, 'tsconfig.json'));

// Types keep the names of the sources, which not every compiler takes.
for (const file of readdirSync(join(here, 'dist'), { recursive: true })) {
  if (!file.endsWith('.d.ts')) continue;
  const path = join(here, 'dist', file);
  writeFileSync(path, readFileSync(path, 'utf8').replace(/(['"]\.{1,2}\/[^'"]*)\.tsx?(['"])/g, '$1.js$2'));
}

// Last, since it reads the types of the SDK. Its compiler leaves what an application's compiler finishes.
compile('angular', '@angular/compiler-cli', 'bundles/src/bin/ngc.js', '-p', join(here, 'angular/tsconfig.json'));
