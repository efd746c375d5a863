// A client in the life of a process: when it may end, when not, and how workers come and go.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, before, describe, it } from 'node:test';
import { Worker } from 'node:worker_threads';

import { quickly, run } from './support/program.mjs';
import { answerJson, startScripted, SUCCESS } from './support/scripted.mjs';
import { startSilent } from './support/silent.mjs';

let silent;
let server;

before(async () => {
  silent = await startSilent();
  server = await startScripted((request, response) => {
    const [, status] = request.url.split('/');
    if (status === '200') answerJson(response, ...SUCCESS['services.get']);
    else answerJson(response, Number(status), {});
  });
});
after(() => Promise.all([silent.stop(), server.stop()]));

/** Ended by itself, without a word of complaint. */
function clean({ code, signal, stderr }, expected = 0) {
  assert.deepEqual({ code, signal, stderr }, { code: expected, signal: null, stderr: '' });
}

/** Runs it until it ends cleanly and quickly. */
const quick = (text) =>
  quickly(async () => {
    const ended = await run(text);
    clean(ended);
    return ended;
  });

describe('a process', { timeout: 120_000 }, () => {
  it('ends with an idle client, within 200 ms of its last line', async () => {
    const ended = await quick(`
      import { Sandbox } from 'verigator/testing';
      import { Api, Verigator } from 'verigator';
      const sandbox = await Sandbox.start();
      const api = sandbox.api({ poolIdleTimeout: 60_000 });
      await api.services.create('example.com', 'Example');
      new Verigator('user', 'pass', 'http://127.0.0.1:1');
      console.log('done');`);
    assert.equal(ended.stdout, 'done\n');
  });

  for (const [name, endpoint, said, id = 's'] of [
    ['succeeded', () => `${server.url}/200`, 'Service'],
    ['was refused', () => `${server.url}/404`, '404'],
    ['was repeated', () => `${server.url}/503`, '503'],
    ['found nobody', () => 'http://127.0.0.1:1', '0'],
    ['was too late', () => silent.url, '0'],
    ['was invalid', () => server.url, '0', ''],
  ]) {
    it(`ends within 200 ms of a last call that ${name}`, async () => {
      const ended = await quick(`
        import { Api } from 'verigator';
        const idle = { poolIdleTimeout: 60_000, timeout: 300, maxRetries: 1 };
        const api = new Api('user', 'pass', '${endpoint()}', idle);
        await api.services.get('${id}').then(
          (service) => console.log(service.constructor.name),
          (error) => console.log(error.status),
        );`);
      assert.equal(ended.stdout, `${said}\n`);
    });
  }

  it('ends at once when the package is only loaded, which starts no thread', async () => {
    const ended = await quick(`
      import { existsSync, readdirSync, promises } from 'node:fs';
      // Node's own pool starts with the first work for it.
      await Promise.all(Array.from({ length: 16 }, () => promises.stat('.')));
      const threads = () => (existsSync('/proc/self/task') ? readdirSync('/proc/self/task').length : 0);
      const before = threads();
      const { Api } = await import('verigator');
      await import('verigator/testing');
      new Api('user', 'pass', 'http://127.0.0.1:1');
      console.log(threads() - before);`);
    assert.equal(ended.stdout, '0\n');
  });

  it('is kept alive by a call that nobody awaits', async () => {
    const ended = await run(`
      import { Api } from 'verigator';
      const api = new Api('user', 'pass', '${silent.url}', { timeout: 700, maxRetries: 0 });
      const began = performance.now();
      api.services.get('s').catch((error) => {
        console.log(error.name, performance.now() - began >= 699);
      });`);
    clean(ended);
    assert.equal(ended.stdout, 'VerigatorTimeoutError true\n');
  });

  it('is kept alive by many, to the last', async () => {
    const ended = await run(`
      import { Api } from 'verigator';
      const api = new Api('user', 'pass', '${silent.url}', { maxRetries: 0 });
      for (const timeout of [100, 400, 200, 300]) {
        api.services.get('s', { timeout }).catch(() => console.log(timeout));
      }`);
    clean(ended);
    assert.deepEqual(ended.stdout.trim().split('\n').sort(), ['100', '200', '300', '400']);
  });

  it('is not kept alive by a call that was aborted', async () => {
    const ended = await quick(`
      import { Api } from 'verigator';
      const api = new Api('user', 'pass', '${silent.url}', { maxRetries: 0 });
      const controller = new AbortController();
      api.services.get('s', { signal: controller.signal }).catch((error) => {
        console.log(error.name);
      });
      setTimeout(() => controller.abort(), 100);`);
    assert.equal(ended.stdout, 'AbortError\n');
  });

  it('is not kept alive by a sandbox', async () => {
    const ended = await quick(`
      import { get } from 'node:http';
      import { Sandbox } from 'verigator/testing';
      const { url } = await Sandbox.start();
      get(url, { agent: false }, (answer) => answer.resume().on('end', () => console.log('done')));`);
  });

  it('may exit with calls in flight', () =>
    Promise.all(
      Array.from({ length: 10 }, async (_, round) => {
        const ended = await run(`
          import { Api } from 'verigator';
          import { Sandbox } from 'verigator/testing';
          const sandbox = await Sandbox.start();
          const [api, other] = [sandbox.api(), new Api('user', 'pass', '${silent.url}')];
          for (let n = 0; n < 100; n += 1) {
            api.services.get('s').catch(() => {});
            other.services.get('s').catch(() => {});
          }
          setTimeout(() => process.exit(7), ${round * 3});`);
        clean(ended, 7);
        assert.equal(ended.stdout, '');
      }),
    ));

  it('may end by an exception with calls in flight', async () => {
    const { code, stderr } = await run(`
      import { Api } from 'verigator';
      const api = new Api('user', 'pass', '${silent.url}');
      api.services.get('s').catch(() => {});
      setTimeout(() => { throw new Error('on purpose'); }, 50);`);
    assert.equal(code, 1);
    assert.match(stderr, /on purpose/);
    assert.ok(!stderr.includes('panicked'), stderr);
  });

  it('hears of a rejection that nobody handles, with the error itself', async () => {
    const { code, stderr } = await run(`
      import { Api } from 'verigator';
      new Api('user', 'pass', 'http://127.0.0.1:1', { maxRetries: 0 }).services.get('s');`);
    assert.equal(code, 1);
    assert.match(stderr, /VerigatorConnectionError: /);
    assert.match(stderr, /ERR_VERIGATOR_CONNECTION/);
  });
});

/** What a worker does: calls that get an answer and calls that never do, until it is ended. */
const busy = `
  import('verigator').then(async ({ Api }) => {
    const { parentPort, workerData } = await import('node:worker_threads');
    const [api, silent] = workerData.map((url) => new Api('test', 'test', url, { maxRetries: 0 }));
    for (let n = 0; n < 20; n += 1) silent.services.get('s').catch(() => {});
    parentPort.postMessage('busy');
    for (;;) await Promise.allSettled(Array.from({ length: 8 }, () => api.services.get('nobody')));
  });`;

describe('workers', { timeout: 120_000 }, () => {
  it('start and are ended in the middle of calls, fifty times', async () => {
    const ended = await run(
      `
      import { once } from 'node:events';
      import { Worker } from 'node:worker_threads';
      import { Sandbox } from 'verigator/testing';
      const sandbox = await Sandbox.start();
      const service = await sandbox.api().services.create('example.com', 'Example');
      let ended = 0;
      async function one(n) {
        const workerData = [sandbox.url, '${silent.url}'];
        const worker = new Worker(process.env.BUSY, { eval: true, workerData });
        await once(worker, 'message');
        await new Promise((resolve) => setTimeout(resolve, (n * 7) % 40));
        await worker.terminate();
        ended += 1;
      }
      for (let n = 0; n < 50; n += 5) {
        await Promise.all(Array.from({ length: 5 }, (_, more) => one(n + more)));
      }
      const again = await sandbox.api().services.get(service.id);
      await sandbox.stop();
      console.log(ended, again.name);`,
      { env: { BUSY: busy }, within: 120_000 },
    );
    clean(ended);
    assert.equal(ended.stdout, '50 Example\n');
  });

  it('that are ended drop their calls', async () => {
    const worker = new Worker(
      `import('verigator').then(async ({ Api }) => {
        const { workerData } = await import('node:worker_threads');
        const api = new Api('user', 'pass', workerData);
        for (let n = 0; n < 3; n += 1) api.auth.initiate('s', 'u', 'sms').catch(() => {});
      });`,
      { eval: true, workerData: silent.url },
    );
    const sockets = [];
    while (sockets.length < 3) sockets.push(await silent.requested());
    const closed = Promise.all(sockets.map((socket) => once(socket, 'close')));
    const began = performance.now();
    await worker.terminate();
    await closed;
    assert.ok(performance.now() - began < 10_000);
  });

  it('that load it first leave it usable for the main thread', async () => {
    const ended = await run(`
      import { once } from 'node:events';
      import { Worker } from 'node:worker_threads';
      const work = "import('verigator/testing').then(async ({ Sandbox }) => {"
        + "const sandbox = await Sandbox.start();"
        + "await sandbox.api().services.create('example.com', 'Example');"
        + "await sandbox.stop(); })";
      for (let n = 0; n < 5; n += 1) {
        const [code] = await once(new Worker(work, { eval: true }), 'exit');
        if (code !== 0) throw new Error('the worker ended with ' + code);
      }
      const { Sandbox } = await import('verigator/testing');
      const sandbox = await Sandbox.start();
      console.log((await sandbox.api().services.create('example.com', 'Example')).name);
      await sandbox.stop();`);
    clean(ended);
    assert.equal(ended.stdout, 'Example\n');
  });

  it('end by themselves when their calls are done, a sandbox left running', async () => {
    const worker = new Worker(
      `import('verigator/testing').then(async ({ Sandbox }) => {
        const sandbox = await Sandbox.start();
        await sandbox.api().services.create('example.com', 'Example');
      });`,
      { eval: true },
    );
    const [code] = await once(worker, 'exit');
    assert.equal(code, 0);
  });
});
