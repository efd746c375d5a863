// The package in Bun and in Deno, which load what is made for Node: a login, errors, an abort, and
// how a process and its workers end.
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';

import { quickly, runProgram } from './support/program.mjs';
import { answerJson, startScripted, SUCCESS } from './support/scripted.mjs';

const require = createRequire(import.meta.url);
const root = fileURLToPath(new URL('../../', import.meta.url));

const installed = (name, file) => join(dirname(require.resolve(`${name}/package.json`)), file);

const RUNTIMES = {
  bun: (file) => [installed('bun', 'bin/bun.exe'), [file]],
  deno: (file) => [
    process.execPath,
    [installed('deno', 'bin.cjs'), 'run', '--allow-all', '--node-modules-dir=manual', file],
  ],
};

const PROGRAMS = {
  login: `
    import assert from 'node:assert/strict';
    import { createRequire } from 'node:module';
    import { inspect } from 'node:util';
    import * as verigator from 'verigator';
    import { Sandbox } from 'verigator/testing';

    const NUMBER = '+37255555555';
    await using sandbox = await Sandbox.start();
    await using api = sandbox.api();
    const service = await api.services.create('example.com', 'Example');
    const user = await api.users.create(service.id, NUMBER, 'john.doe@example.com');
    await api.auth.initiate(service.id, user.id, api.auth.METHOD_SMS);
    const { pin } = await sandbox.waitForMessage(NUMBER);
    assert.equal(await api.auth.verify(service.id, user.id, 'not it'), false);
    assert.equal((await user.verifyPin(pin)).isVerified(), true);
    const { secret } = await api.totp.enrol(service.id, user.id);
    const code = await sandbox.totpCode(secret);
    assert.equal(await api.totp.confirm(service.id, user.id, code), true);
    assert.ok(!inspect([api, user, await sandbox.messages()], { depth: 9 }).includes(NUMBER));
    assert.equal(createRequire(import.meta.url)('verigator').Api, verigator.Api);
    console.log('welcome');`,

  errors: `
    import assert from 'node:assert/strict';
    import * as verigator from 'verigator';
    import { Sandbox } from 'verigator/testing';

    const failure = (call) => call.then(() => assert.fail('no error'), (error) => error);
    const sandbox = await Sandbox.start();
    const api = sandbox.api({ maxRetries: 0 });
    const missing = await failure(api.services.get('nobody'));
    assert.equal(missing.constructor, verigator.NoSuchResourceError);
    assert.equal(missing.code, 'ERR_VERIGATOR_NO_SUCH_RESOURCE');
    assert.deepEqual([missing.status, missing.outcome, missing.attempts], [404, 'rejected', 1]);
    assert.match(missing.stack, /program\\.mjs/);

    const service = await api.services.create('example.com', 'Example');
    const controller = new AbortController();
    await sandbox.failNext({ delay: 5000 });
    setTimeout(() => controller.abort(), 50);
    const aborted = await failure(api.services.get(service.id, { signal: controller.signal }));
    assert.equal(aborted.constructor, verigator.RequestAbortedError);
    assert.equal(aborted.cause, controller.signal.reason);

    await sandbox.failNext({ delay: 5000 });
    const late = await failure(api.services.get(service.id, { timeout: 100 }));
    assert.equal(late.constructor, verigator.VerigatorTimeoutError);

    await sandbox.failNext({ drop: 'before_answer' });
    const cut = await failure(api.services.create('cut.example.com', 'Cut'));
    assert.equal(cut.constructor, verigator.VerigatorConnectionError);
    assert.equal(cut.outcome, 'unknown');

    assert.throws(() => sandbox.api({ timeout: 0 }), verigator.ConfigurationError);
    await api.close();
    assert.equal((await failure(api.services.get('s'))).name, 'ClientClosedError');
    console.log('told');`,

  idle: `
    import { Api } from 'verigator';
    const api = new Api('user', 'pass', process.env.ENDPOINT, { poolIdleTimeout: 60_000 });
    console.log((await api.services.get('s')).name);`,

  waiting: `
    import { Api } from 'verigator';
    const api = new Api('user', 'pass', process.env.SILENT, { timeout: 500, maxRetries: 0 });
    api.services.get('s').catch(({ name }) => console.log(name));`,

  workers: `
    import { once } from 'node:events';
    import { Worker } from 'node:worker_threads';
    import { Api } from 'verigator';
    const file = new URL('./worker.mjs', import.meta.url);
    for (let n = 0; n < 10; n += 1) {
      const worker = new Worker(file, { workerData: [process.env.ENDPOINT, process.env.SILENT] });
      await once(worker, 'message');
      await new Promise((resolve) => setTimeout(resolve, n * 3));
      await worker.terminate();
    }
    const api = new Api('user', 'pass', process.env.ENDPOINT);
    console.log((await api.services.get('s')).name);`,
};

const WORKER = `
  import { parentPort, workerData } from 'node:worker_threads';
  import { Api } from 'verigator';
  const [api, silent] = workerData.map((url) => new Api('user', 'pass', url));
  for (let n = 0; n < 8; n += 1) silent.services.get('s').catch(() => {});
  parentPort.postMessage('busy');
  for (;;) await Promise.all(Array.from({ length: 8 }, () => api.services.get('s')));`;

let server;
let project;
let agents;

before(async () => {
  agents = new Set();
  server = await startScripted((request, response) => {
    if (request.url.startsWith('/silent')) return;
    agents.add(request.headers['user-agent']);
    answerJson(response, ...SUCCESS['services.get']);
  });
  project = mkdtempSync(join(tmpdir(), 'verigator-runtimes-'));
  mkdirSync(join(project, 'node_modules'));
  symlinkSync(root, join(project, 'node_modules/verigator'), 'junction');
  writeFileSync(join(project, 'package.json'), '{"private": true}');
  for (const [name, text] of Object.entries(PROGRAMS)) {
    mkdirSync(join(project, name));
    writeFileSync(join(project, name, 'program.mjs'), text);
    writeFileSync(join(project, name, 'worker.mjs'), WORKER);
  }
});
after(async () => {
  rmSync(project, { recursive: true });
  await server.stop();
});

for (const [runtime, command] of Object.entries(RUNTIMES)) {
  describe(runtime, () => {
    async function runs(name) {
      const [program, given] = command(join(project, name, 'program.mjs'));
      const env = {
        ENDPOINT: server.url,
        SILENT: `${server.url}/silent`,
        // Nothing outside of the project: no cache of Deno's, no question whether there is a newer.
        DENO_DIR: join(project, 'deno'),
        DENO_NO_UPDATE_CHECK: '1',
      };
      const ended = await runProgram(program, given, { cwd: project, env, within: 60_000 });
      assert.deepEqual([ended.code, ended.signal, ended.stderr], [0, null, ''], ended.stdout);
      return ended;
    }

    it('logs a user in, by PIN and by app', async () => {
      assert.equal((await runs('login')).stdout, 'welcome\n');
    });

    it('gets errors of the right classes, with what they tell', async () => {
      assert.equal((await runs('errors')).stdout, 'told\n');
    });

    it('ends with an idle client, within 200 ms of its last line', async () => {
      const { stdout } = await quickly(() => runs('idle'));
      assert.equal(stdout, 'Example\n');
      const said = new RegExp(`^verigator-node/\\d+\\.\\d+\\.\\d+ ${runtime}/\\d+\\.\\d+\\.\\d+$`);
      assert.match([...agents].at(-1), said);
    });

    it('is kept alive by a call that nobody awaits', async () => {
      assert.equal((await runs('waiting')).stdout, 'VerigatorTimeoutError\n');
    });

    it('ends workers in the middle of calls', async () => {
      assert.equal((await runs('workers')).stdout, 'Example\n');
    });
  });
}
