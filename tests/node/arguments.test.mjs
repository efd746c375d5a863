// What is refused before anything is sent, what ids are on the wire, and where options come from.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, describe, it } from 'node:test';
import { rootCertificates } from 'node:tls';

import { Api, ConfigurationError, InvalidArgumentError, Verigator } from 'verigator';

import { run } from './support/program.mjs';

const SERVICE = { id: 's', ctime: '2017-09-15T06:44:15.274438', name: 'shop' };

let server;
let url;
let requests;
let api;

before(async () => {
  server = createServer((request, response) => {
    requests.push(request);
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify(SERVICE));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  url = `http://127.0.0.1:${server.address().port}`;
  api = new Api('user', 'pass', url);
});
beforeEach(() => {
  requests = [];
});
after(async () => {
  await api.close();
  server.close();
});

describe('an id', () => {
  for (const [id, segment] of [
    ['../x', '..%2Fx'],
    ['a/b', 'a%2Fb'],
    ['%2e%2e', '%252e%252e'],
    ['?x=1', '%3Fx=1'],
    ['#x', '%23x'],
    ['ü', '%C3%BC'],
    ['a b', 'a%20b'],
    ['\u0000', '%00'],
    ['\ud800', '%EF%BF%BD'],
  ]) {
    it(`is one segment: ${JSON.stringify(id)}`, async () => {
      await api.services.get(id);
      const [{ url: path }] = requests;
      assert.equal(decodeURIComponent(path), `/v1/service/service/${decodeURIComponent(segment)}`);
      assert.equal(path.split('/').length, 5, path);
      assert.ok(!/[?#]/.test(path), path);
    });
  }

  for (const id of ['', '.', '..', 7, null, undefined, {}, ['s'], Symbol('s'), new String('s')]) {
    it(`is refused: ${String(JSON.stringify(id) ?? String(id))}`, async () => {
      for (const call of [
        api.services.get(id),
        api.users.get('s', id),
        api.users.getAll(id),
        api.auth.initiate('s', id, 'sms'),
        api.totp.enrol(id, 'u'),
      ]) {
        await assert.rejects(call, (error) => {
          assert.ok(error instanceof InvalidArgumentError);
          assert.equal(error.outcome, 'not_sent');
          assert.ok(error.operation);
          return true;
        });
      }
      assert.equal(requests.length, 0);
    });
  }
});

describe('an argument', () => {
  it('is a string or refused, and never repeated in the error', async () => {
    for (const [name, call] of [
      ['domain', () => api.services.create(1, 'name')],
      ['name', () => api.services.create('domain', undefined)],
      ['number', () => api.users.create('s', 37255512345, 'username')],
      ['username', () => api.users.create('s', '+37255512345', null)],
      ['method', () => api.auth.initiate('s', 'u')],
      ['token', () => api.auth.verify('s', 'u', 907182)],
      ['token', () => api.auth.verifyDetailed('s', 'u', 907182)],
      ['token', () => api.auth.verifyOrThrow('s', 'u', 907182)],
      ['token', () => api.totp.confirm('s', 'u', 907182)],
    ]) {
      await assert.rejects(call, {
        name: 'InvalidArgumentError',
        message: `${name} must be a string`,
      });
    }
    await assert.rejects(api.auth.initiate('s', 'u', 'push'), InvalidArgumentError);
    await assert.rejects(api.auth.verify('s', 'u', '1', { method: 'push' }), InvalidArgumentError);
    assert.equal(requests.length, 0);
  });
});

describe('the options of a call', () => {
  it('are checked', async () => {
    for (const options of [
      { timeout: 0 },
      { timeout: -1 },
      { timeout: '1000' },
      { timeout: NaN },
      { deadline: Infinity },
      { deadline: 1e15 },
      { maxRetries: -1 },
      { maxRetries: 1.5 },
      { maxRetries: 2 ** 32 },
      { signal: {} },
      { signal: 'abort' },
      { method: 'sms' },
      { max_retries: 1 },
      { toString: 1 },
      'options',
      7,
    ]) {
      await assert.rejects(api.services.get('s', options), InvalidArgumentError);
    }
    assert.equal(requests.length, 0);
  });

  it('may be left out one by one', async () => {
    for (const options of [undefined, null, {}, { timeout: undefined, signal: undefined }]) {
      assert.equal((await api.services.get('s', options)).name, 'shop');
    }
  });

  it('are milliseconds', async () => {
    const slow = createServer(() => {});
    slow.listen(0, '127.0.0.1');
    await once(slow, 'listening');
    const slowApi = new Api('user', 'pass', `http://127.0.0.1:${slow.address().port}`);
    for (const options of [{ timeout: 100, maxRetries: 0 }, { deadline: 100 }]) {
      const began = performance.now();
      await assert.rejects(slowApi.services.get('s', options), { name: 'VerigatorTimeoutError' });
      const took = performance.now() - began;
      assert.ok(took >= 99 && took < 2000, `${took} ms`);
    }
    slow.closeAllConnections();
    slow.close();
  });
});

describe('the options of a client', () => {
  const refused = (...given) => {
    for (const Class of [Api, Verigator]) {
      assert.throws(() => new Class(...given), ConfigurationError, String(given));
    }
  };

  it('are checked when it is made', () => {
    refused();
    refused('user');
    refused('us:er', 'pass', url);
    refused('', 'pass', url);
    refused(1, 'pass', url);
    refused('user', 2, url);
    refused('user', 'pass', { timeout: 1 });
    refused('user', 'pass', 'http://verigator.example.com');
    refused('user', 'pass', 'no address');
    for (const options of [
      { timeout: 0 },
      { connectTimeout: '5' },
      { deadline: -1 },
      { poolIdleTimeout: -1 },
      { maxRetries: null, retries: 1 },
      { maxRetries: 0.5 },
      { idempotency: 'sometimes' },
      { idempotency: true },
      { proxy: 'nonsense' },
      { proxy: 7 },
      { caBundle: '/no/such/file.pem' },
      { caBundle: Buffer.from('no certificate') },
      { caBundle: 7 },
      { appInfo: 'shop\n' },
      { appInfo: 7 },
      { allowInsecureHttp: 'yes' },
      { logger: console.log },
      { logger: {} },
      { time_out: 1 },
      'options',
    ]) {
      refused('user', 'pass', url, options);
    }
  });

  it('are taken', async () => {
    const client = new Api('user', 'pa:ss', new URL(url), {
      timeout: 1000,
      connectTimeout: 1000,
      deadline: 2000,
      maxRetries: 0,
      idempotency: 'off',
      poolIdleTimeout: 0,
      appInfo: 'shop/2.1',
      allowInsecureHttp: true,
      caBundle: undefined,
      logger: console,
      proxy: null,
    });
    await client.services.create('example.com', 'Example');
    const [{ headers }] = requests;
    assert.equal(headers['x-service-auth'], 'user:pa:ss');
    assert.equal(headers['idempotency-key'], undefined);
    assert.match(
      headers['user-agent'],
      /^verigator-node\/\d+\.\d+\.\d+ node\/\d+\.\d+\.\d+ shop\/2\.1$/,
    );
    new Api('user', 'pass', 'http://verigator.example.com', { allowInsecureHttp: true });
  });

  it('take certificates as a path, as text and as bytes', () => {
    const [pem] = rootCertificates;
    const path = join(mkdtempSync(join(tmpdir(), 'verigator-')), 'ca.pem');
    writeFileSync(path, pem);
    for (const caBundle of [path, pem, Buffer.from(pem), new Uint8Array(Buffer.from(pem))]) {
      new Api('user', 'pass', url, { caBundle });
    }
  });
});

describe('the environment', () => {
  const program = `
    import { Api, ConfigurationError } from 'verigator';
    import { inspect } from 'node:util';
    try {
      const api = new Api(...JSON.parse(process.env.GIVEN));
      await api.services.get('s');
      console.log(inspect(api));
    } catch (error) {
      console.log(error.name, error.message);
    }`;
  const variables = (over) => ({
    VERIGATOR_USERNAME: 'env-user',
    VERIGATOR_PASSWORD: 'env-pass',
    VERIGATOR_ENDPOINT: url,
    GIVEN: '[]',
    ...over,
  });

  it('is what is used when nothing is said', async () => {
    const { stdout } = await run(program, { env: variables() });
    assert.equal(stdout, `Api { endpoint: '${url}', username: 'en•••' }\n`);
    assert.equal(requests[0].headers['x-service-auth'], 'env-user:env-pass');
  });

  it('is not used when something is said', async () => {
    const env = variables({
      VERIGATOR_ENDPOINT: 'nonsense',
      GIVEN: JSON.stringify(['u', 'p', url]),
    });
    const { stdout } = await run(program, { env });
    assert.match(stdout, /^Api /);
    assert.equal(requests[0].headers['x-service-auth'], 'u:p');
  });

  it('is checked', async () => {
    for (const [name, value] of [
      ['VERIGATOR_TIMEOUT', 'soon'],
      ['VERIGATOR_TIMEOUT', '0'],
      ['VERIGATOR_MAX_RETRIES', '-1'],
      ['VERIGATOR_MAX_RETRIES', 'many'],
      ['VERIGATOR_CA_BUNDLE', '/no/such/file.pem'],
    ]) {
      const { stdout } = await run(program, { env: variables({ [name]: value }) });
      assert.match(stdout, /^ConfigurationError /, `${name}=${value}`);
    }
    const empty = variables({ VERIGATOR_TIMEOUT: '', VERIGATOR_MAX_RETRIES: '' });
    assert.match((await run(program, { env: empty })).stdout, /^Api /);
  });

  it('has the timeout in seconds', async () => {
    const slow = createServer(() => {});
    slow.listen(0, '127.0.0.1');
    await once(slow, 'listening');
    const env = variables({
      VERIGATOR_ENDPOINT: `http://127.0.0.1:${slow.address().port}`,
      VERIGATOR_TIMEOUT: '0.1',
      VERIGATOR_MAX_RETRIES: '0',
    });
    const { stdout } = await run(program, { env, within: 5000 });
    assert.match(stdout, /^VerigatorTimeoutError /);
    slow.closeAllConnections();
    slow.close();
  });

  it("is the worker's own in a worker", async () => {
    const { stdout } = await run(
      `
      import { Worker } from 'node:worker_threads';
      const worker = new Worker(
        "import('verigator').then(({ Api }) => new Api().services.get('s')).then(() => console.log('done'))",
        { eval: true, env: JSON.parse(process.env.WORKER) },
      );
      worker.on('error', console.log);`,
      {
        env: {
          WORKER: JSON.stringify(variables({ VERIGATOR_USERNAME: 'worker' })),
          VERIGATOR_USERNAME: 'main',
        },
      },
    );
    assert.equal(stdout, 'done\n');
    assert.equal(requests[0].headers['x-service-auth'], 'worker:env-pass');
  });
});
