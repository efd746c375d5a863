// The package as npm packs it and the one of this platform, unpacked into a project that knows nothing
// of this one: what is in them, that they work, and that their declarations compile and are true.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
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
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';

import { run, runProgram } from './support/program.mjs';

const require = createRequire(import.meta.url);
const root = fileURLToPath(new URL('../../', import.meta.url));

// `make node` has laid it out.
const published = join(root, 'bindings-node/npm');

let project;
let files;
let platform;

before(() => {
  project = mkdtempSync(join(tmpdir(), 'verigator-project-'));
  const folder = join(published, 'verigator');
  const said = JSON.parse(npm(['pack', '--json', '--pack-destination', project], folder));
  const [{ filename, files: packed }] = Array.isArray(said) ? said : Object.values(said);
  files = packed.map(({ path }) => path);
  execFileSync('tar', ['-xzf', filename], { cwd: project });
  const modules = join(project, 'node_modules');
  cpSync(join(project, 'package'), join(modules, 'verigator'), { recursive: true });
  rmSync(join(project, 'package'), { recursive: true });
  const built = readdirSync(published).find((name) =>
    readdirSync(join(published, name)).some((file) => file.endsWith('.node')),
  );
  assert.ok(built, 'no native part: npm run release:collect');
  platform = `verigator-${built}`;
  cpSync(join(published, built), join(modules, platform), { recursive: true });
  writeFileSync(join(project, 'package.json'), '{"private": true}');
});
after(() => rmSync(project, { recursive: true }));

function read(folder) {
  return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
}

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
      'README.md',
      'LICENSE',
      'package.json',
      'bindings-node/native/index.js',
      'bindings-node/native/index.d.ts',
      ...js.map((name) => `bindings-node/js/${name}`),
    ];
    assert.deepEqual(files.sort(), expected.sort());
  });

  it('runs nothing when it is installed, and depends on its native parts only', () => {
    const manifest = read(join(published, 'verigator'));
    for (const name of ['scripts', 'dependencies', 'devDependencies', 'private', 'napi']) {
      assert.equal(manifest[name], undefined, name);
    }
    const platforms = readdirSync(published).filter((name) => name !== 'verigator');
    const { targets } = read(root).napi;
    assert.equal(platforms.length, targets.length);
    const expected = platforms.map((name) => [`verigator-${name}`, manifest.version]);
    assert.deepEqual(Object.entries(manifest.optionalDependencies).sort(), expected.sort());
  });

  it('has a native part for each platform, which installs nowhere else', () => {
    for (const name of readdirSync(published).filter((name) => name !== 'verigator')) {
      const { os, cpu, libc, main, files, version, license } = read(join(published, name));
      const [system, processor, kind] = name.split('-');
      assert.deepEqual([os, cpu], [[system], [processor]]);
      const libraries = { gnu: ['glibc'], musl: ['musl'] };
      assert.deepEqual(libc, libraries[kind], name);
      assert.deepEqual([main, files], [`verigator.${name}.node`, [main]]);
      assert.deepEqual([version, license], [read(root).version, 'Apache-2.0']);
    }
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
    const text = `import('verigator').catch((error) => {
      const { cause, name, message } = error;
      console.log(JSON.stringify({ ...error, name, message, cause: cause instanceof Error }));
    });`;
    const native = join(copy, 'node_modules/verigator/bindings-node/native');
    for (const remove of [
      () => rmSync(join(copy, 'node_modules', platform), { recursive: true }),
      () => rmSync(join(native, 'index.js')),
    ]) {
      remove();
      const { stdout } = await run(text, { cwd: copy });
      const { message, ...rest } = JSON.parse(stdout);
      const [platformOfThis, arch] = [process.platform, process.arch];
      const libc = platform.match(/gnu|musl/)?.[0].replace('gnu', 'glibc');
      assert.deepEqual(rest, {
        name: 'NativeMissingError',
        code: 'ERR_VERIGATOR_NATIVE_MISSING',
        platform: platformOfThis,
        arch,
        ...(libc ? { libc } : {}),
        cause: true,
      });
      const called = [platformOfThis, arch, libc].filter((part) => part).join('-');
      assert.ok(message.includes(`no native part for ${called} that can be loaded`), message);
      assert.match(message, /install again on this machine, with optional dependencies/);
    }
    const program = join(copy, 'node_modules/verigator/bindings-node/js/program.cjs');
    const helped = await runProgram(process.execPath, [program, '--help'], { cwd: copy });
    assert.deepEqual([helped.code, helped.stderr], [0, '']);
    const { code, stderr } = await runProgram(process.execPath, [program, 'sandbox'], { cwd: copy });
    assert.equal(code, 2);
    assert.match(stderr, /^verigator: verigator has no native part for /);
    rmSync(copy, { recursive: true });
  });
});

describe('its command', () => {
  let program;
  before(() => {
    const { bin, version } = read(join(project, 'node_modules/verigator'));
    assert.equal(version, read(root).version);
    program = join(project, 'node_modules/verigator', bin.verigator);
  });

  const command = (...given) =>
    runProgram(process.execPath, [program, ...given], { cwd: project });

  for (const [signal, quiet] of [
    ['SIGINT', false],
    ['SIGTERM', true],
  ]) {
    it(`runs the sandbox until ${signal}, ${quiet ? 'silent' : 'printing messages'}`, async () => {
      const given = [program, 'sandbox', '--port', '0', ...(quiet ? ['--quiet'] : [])];
      const child = spawn(process.execPath, given, { stdio: ['ignore', 'pipe', 'inherit'] });
      let said = '';
      child.stdout.setEncoding('utf8').on('data', (data) => (said += data));
      const ended = once(child, 'close');
      try {
        while (said.split('\n').length < 4) await once(child.stdout, 'data');
        const [, url] = /^Verigator sandbox on (http:\/\/127\.0\.0\.1:\d+)$/m.exec(said);
        assert.match(said, /^account test with password test$/m);
        const { Api } = require('verigator');
        const api = new Api('test', 'test', url);
        const service = await api.services.create('example.com', 'Example');
        const user = await api.users.create(service.id, '+37255555555', 'someone');
        await api.auth.initiate(service.id, user.id, 'sms');
        if (!quiet) {
          while (!/\+37255555555: \d+ is your /.test(said)) await once(child.stdout, 'data');
        }
      } finally {
        child.kill(signal);
      }
      assert.deepEqual(await ended, [0, null]);
      assert.equal(/is your/.test(said), !quiet);
    });
  }

  it('says its version, and what it takes', async () => {
    const { version } = read(root);
    const { code, stdout } = await command('--version');
    assert.deepEqual([code, stdout], [0, `verigator ${version}\n`]);
    for (const given of [['--help'], ['help'], ['sandbox', '-h']]) {
      const { code, stdout } = await command(...given);
      assert.equal(code, 0);
      assert.match(stdout, /^Usage: verigator sandbox /);
    }
  });

  it('says where the rest of the program is', async () => {
    for (const given of ['serve', 'account', 'migrate', 'services', 'users', 'auth', 'totp']) {
      const { code, stdout, stderr } = await command(given, '--some', 'option');
      assert.deepEqual([code, stdout], [2, '']);
      assert.match(stderr, /pip install 'verigator\[server\]'/);
    }
  });

  it('refuses what it does not understand', async () => {
    for (const [given, why] of [
      [[], /^verigator: no command is given/],
      [['other'], /^verigator: there is no command `other`/],
      [['sandbox', 'other'], /^verigator: there is no command `sandbox other`/],
      [['sandbox', '--prot', '1'], /^verigator: Unknown option '--prot'/],
      [['sandbox', '--port', '65536'], /^verigator: 65536 is no port/],
      [['sandbox', '--port', 'http'], /^verigator: http is no port/],
      [['sandbox', '--port', '1', '--listen', '127.0.0.1:1'], /^verigator: --port and --listen/],
      [['sandbox', '--listen', 'here'], /^verigator: "here" is not an address with a port/],
    ]) {
      const { code, stdout, stderr } = await command(...given);
      assert.deepEqual([code, stdout], [2, ''], String(given));
      assert.match(stderr, why);
    }
  });

  it('says why it cannot listen', async () => {
    const taken = createServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    const { code, stderr } = await command('sandbox', '--port', String(taken.address().port));
    taken.close();
    assert.equal(code, 2);
    assert.match(stderr, /^verigator: cannot listen on 127\.0\.0\.1:\d+: /);
  });
});

describe('its declarations', () => {
  for (const [name, ending, module, resolution] of [
    ['an ES module, nodenext', 'mts', 'nodenext', 'nodenext'],
    ['a CommonJS module, nodenext', 'cts', 'nodenext', 'nodenext'],
    ['an ES module, bundler', 'mts', 'esnext', 'bundler'],
    ['what a bundler keeps as it is', 'mts', 'preserve', 'bundler'],
  ]) {
    it(`compile strictly as ${name}, and what they say is so`, () => {
      const folder = join(project, `${ending}-${module}`);
      mkdirSync(folder);
      cpSync(join(root, 'tests/node/types/program.ts'), join(folder, `program.${ending}`));
      writeFileSync(
        join(folder, 'tsconfig.json'),
        JSON.stringify({
          compilerOptions: {
            target: 'es2022',
            lib: ['es2022', 'esnext.disposable'],
            module,
            moduleResolution: resolution,
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
