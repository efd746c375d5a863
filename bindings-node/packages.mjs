// Lays out in bindings-node/npm what is published on npm: `verigator`, which has no native part, and
// a package for each platform, which has nothing else. npm, pnpm and yarn install the one that fits.
//
//     node bindings-node/packages.mjs FOLDER [--some] [--into FOLDER]
//
// FOLDER has the native parts that were built, in any folders of its own. One that is missing is a
// failure, unless --some is enough, which is for trying out what one platform has.
//
// The platforms' packages have no scope, which somebody could own before us; their names begin with
// that of the package. The package at the root is private: it is what these are made from.
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const root = fileURLToPath(new URL('..', import.meta.url));

/** What is for those who build it. */
const UNPUBLISHED = ['private', 'scripts', 'napi', 'devDependencies', 'allowScripts'];
/** What npm would take from the root without being told. */
const PAPERS = ['README.md', 'LICENSE'];

const { values, positionals } = parseArgs({
  options: {
    some: { type: 'boolean', default: false },
    into: { type: 'string', default: 'bindings-node/npm' },
  },
  allowPositionals: true,
});
if (positionals.length !== 1) {
  throw new Error('usage: node bindings-node/packages.mjs FOLDER [--some] [--into FOLDER]');
}
const [artefacts] = positionals;
const npm = resolve(root, values.into);

rmSync(npm, { recursive: true, force: true });
run('napi', 'create-npm-dirs', '--npm-dir', relative(root, npm));
const platforms = readdirSync(npm).map((name) => join(npm, name));
const built = new Map(
  readdirSync(artefacts, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.node'))
    .map((path) => [basename(path), join(artefacts, path)]),
);

const missing = platforms.map(fill).filter((name) => name !== undefined);
if (missing.length > 0 && !values.some) {
  throw new Error(`not built: ${missing.join(', ')}`);
}
main();

/**
 * Puts the native part into a platform's package; gives its name if there is none.
 *
 * @param {string} folder
 */
function fill(folder) {
  const { main: name } = manifest(folder);
  copyFileSync(join(root, 'LICENSE'), join(folder, 'LICENSE'));
  const from = built.get(name);
  if (from === undefined) {
    return name;
  }
  copyFileSync(from, join(folder, name));
  return undefined;
}

/** The package that has them as optional dependencies. */
function main() {
  const folder = join(npm, 'verigator');
  const said = run('npm', 'pack', '--ignore-scripts', '--dry-run', '--json');
  for (const path of [...packed(said), ...PAPERS]) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    copyFileSync(join(root, path), join(folder, path));
  }
  const ours = manifest(root);
  for (const key of UNPUBLISHED) {
    delete ours[key];
  }
  ours.optionalDependencies = Object.fromEntries(
    platforms.map((platform) => [manifest(platform).name, ours.version]),
  );
  writeFileSync(join(folder, 'package.json'), `${JSON.stringify(ours, null, 2)}\n`);
}

/**
 * The files that npm says it packs. Some versions name them by package.
 *
 * @param {string} said
 */
function packed(said) {
  const packages = JSON.parse(said);
  const [{ files }] = Array.isArray(packages) ? packages : Object.values(packages);
  return files.map(({ path }) => path);
}

/** @param {string} folder */
function manifest(folder) {
  return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
}

/**
 * @param {string} program of npm or of a package that is installed
 * @param {string[]} given
 */
function run(program, ...given) {
  const [command, ...before] = program === 'npm' ? ['npm'] : ['npx', '--no-install', program];
  return execFileSync(command, [...before, ...given], {
    cwd: root,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
    shell: process.platform === 'win32',
  });
}
