// The package as npm packs it, unpacked into a project that knows nothing of this one: what is in
// it, that it works, and that its declarations compile and are true.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';

import { run } from './support/program.mjs';

const require = createRequire(import.meta.url);
const root = fileURLToPath(new URL('../../', import.meta.url));

let project;
let files;

before(() => {
  project = mkdtempSync(join(tmpdir(), 'verigator-project-'));
  // Without its scripts, which would build for release: what is built already is what is tested.
  const pack = ['pack', '--ignore-scripts', '--json', '--pack-destination', project];
  const said = JSON.parse(npm(pack, root));
  const [{ filename, files: packed }] = Array.isArray(said) ? said : Object.values(said);
  files = packed.map(({ path }) => path);
  execFileSync('tar', ['-xzf', filename], { cwd: project });
  mkdirSync(join(project, 'node_modules'));
  cpSync(join(project, 'package'), join(project, 'node_modules/verigator'), { recursive: true });
  rmSync(join(project, 'package'), { recursive: true });
  writeFileSync(join(project, 'package.json'), '{"private": true}');
});
after(() => rmSync(project, { recursive: true }));

function npm(given, cwd) {
  const options = { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] };
  return execFileSync('npm', given, { ...options, shell: process.platform === 'win32' });
}

const quickstart = `
  const sandbox = await Sandbox.start();
  const api = new Api(sandbox.username, sandbox.password, sandbox.url);
  const service = await api.services.create('example.com', 'Example');
  const user = await api.users.create(service.id, '+37255555555', 'john.doe@example.com');
  await api.auth.initiate(service.id, user.id, api.auth.METHOD_SMS);
  const pin = await sandbox.lastPin('+37255555555');
  if (await api.auth.verify(service.id, user.id, pin)) console.log('welcome');
  await sandbox.stop();`;

describe('the package', () => {
  it('holds what runs, and nothing else', () => {
    const js = readdirSync(join(root, 'bindings-node/js')).filter(
      (name) => name !== 'tsconfig.json',
    );
    const expected = [
      'package.json',
      'bindings-node/native/index.js',
      'bindings-node/native/index.d.ts',
      ...js.map((name) => `bindings-node/js/${name}`),
    ];
    for (const file of expected) {
      assert.ok(files.includes(file), `${file} is missing`);
    }
    const others = files.filter((file) => !expected.includes(file));
    const native = others.filter((file) =>
      /^bindings-node\/native\/verigator\.[\w-]+\.node$/.test(file),
    );
    assert.ok(native.length >= 1, 'no native part');
    const papers = others.filter((file) => /^(README\.md|LICENSE)$/.test(file));
    assert.deepEqual(others.sort(), [...native, ...papers].sort());
  });

  it('runs nothing when it is installed', () => {
    const { scripts, dependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
    for (const name of ['preinstall', 'install', 'postinstall', 'prepare']) {
      assert.ok(!(name in scripts), name);
    }
    assert.equal(dependencies, undefined);
  });

  it('works from import', async () => {
    const { code, stdout, stderr } = await run(
      `import { Api } from 'verigator';
      import { Sandbox } from 'verigator/testing';
      ${quickstart}`,
      { cwd: project },
    );
    assert.deepEqual({ code, stdout, stderr }, { code: 0, stdout: 'welcome\n', stderr: '' });
  });

  it('works from require', () => {
    writeFileSync(
      join(project, 'quickstart.cjs'),
      `const { Api } = require('verigator');
      const { Sandbox } = require('verigator/testing');
      (async () => { ${quickstart} })();`,
    );
    assert.equal(
      execFileSync(process.execPath, ['quickstart.cjs'], { cwd: project, encoding: 'utf8' }),
      'welcome\n',
    );
  });

  it('gives nothing but what it exports', async () => {
    for (const path of [
      'verigator/bindings-node/js/errors.cjs',
      'verigator/native',
      'verigator/index.js',
    ]) {
      const { code, stderr } = await run(`await import('${path}');`, { cwd: project });
      assert.equal(code, 1);
      assert.match(stderr, /ERR_PACKAGE_PATH_NOT_EXPORTED/);
    }
    const version = `import it from 'verigator/package.json' with { type: 'json' };
      console.log(it.version);`;
    const { stdout } = await run(version, { cwd: project, flags: ['--no-warnings'] });
    assert.match(stdout, /^\d+\.\d+\.\d+/);
  });

  it('says so when its native part is missing', async () => {
    const copy = mkdtempSync(join(tmpdir(), 'verigator-without-'));
    cpSync(join(project, 'node_modules'), join(copy, 'node_modules'), { recursive: true });
    const native = join(copy, 'node_modules/verigator/bindings-node/native');
    for (const name of readdirSync(native).filter((name) => name.endsWith('.node'))) {
      rmSync(join(native, name));
    }
    const text = `import('verigator').catch(({ code, message, cause }) =>
      console.log(JSON.stringify({ code, message, cause: cause instanceof Error })));`;
    for (const remove of [() => {}, () => rmSync(join(native, 'index.js'))]) {
      remove();
      const { stdout } = await run(text, { cwd: copy });
      const { code, message, cause } = JSON.parse(stdout);
      assert.equal(code, 'ERR_VERIGATOR_NATIVE_MISSING');
      assert.ok(
        message.includes(`no native part for ${process.platform}-${process.arch}`),
        message,
      );
      assert.match(message, /install again/);
      assert.equal(cause, true);
    }
    rmSync(copy, { recursive: true });
  });
});

describe('its declarations', () => {
  for (const ending of ['mts', 'cts']) {
    it(`compile strictly as .${ending}, and what they say is so`, () => {
      const folder = join(project, ending);
      mkdirSync(folder);
      cpSync(join(root, 'tests/node/types/program.ts'), join(folder, `program.${ending}`));
      writeFileSync(
        join(folder, 'tsconfig.json'),
        JSON.stringify({
          compilerOptions: {
            target: 'es2022',
            lib: ['es2022', 'esnext.disposable'],
            module: 'nodenext',
            types: ['node'],
            typeRoots: [join(root, 'node_modules/@types')],
            strict: true,
            exactOptionalPropertyTypes: true,
            noUncheckedIndexedAccess: true,
            skipLibCheck: false,
            outDir: '.',
          },
          files: [`program.${ending}`],
        }),
      );
      const typescript = require.resolve('typescript/package.json');
      const tsc = join(dirname(typescript), require(typescript).bin.tsc);
      const options = { cwd: folder, encoding: 'utf8' };
      try {
        execFileSync(process.execPath, [tsc, '--project', '.'], options);
      } catch ({ stdout }) {
        assert.fail(stdout);
      }
      const program = `program.${ending.replace('t', 'j')}`;
      assert.equal(execFileSync(process.execPath, [program], options), 'done\n');
    });
  }
});
