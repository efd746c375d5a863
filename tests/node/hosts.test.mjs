// Where a request must not go: to wherever a redirect points, and to a server that is not who it
// should be.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';

import { Api, NoSuchResourceError, VerigatorConnectionError, VerigatorError } from 'verigator';

import { CALLS, GIVEN } from './support/calls.mjs';
import { startPeer } from './support/peer.mjs';
import { run } from './support/program.mjs';
import { answerJson, startScripted } from './support/scripted.mjs';

describe('a redirect', { concurrency: true }, () => {
  let here;
  let there;
  let sent;

  before(async () => {
    sent = new Map();
    there = await startScripted((_, response) => answerJson(response, 200, {}));
    here = await startScripted((request, response) => {
      const [, id, status, ...path] = request.url.split('/');
      sent.set(id, (sent.get(id) ?? 0) + 1);
      const host = { there: there.url, named: `http://localhost:${there.port}`, here: here.url };
      const location = `${host[id.split('-')[0]]}/${path.join('/')}`;
      answerJson(response, Number(status), { message: 'elsewhere' }, { location });
    });
  });
  after(() => Promise.all([here.stop(), there.stop()]));

  for (const [name, call] of Object.entries(CALLS)) {
    it(`is not followed by ${name}`, async () => {
      for (const to of ['there', 'named', 'here']) {
        for (const status of [301, 302, 303, 307, 308]) {
          const id = `${to}-${name}-${status}`;
          const api = new Api('user', 'pass', `${here.url}/${id}/${status}`);
          await assert.rejects(call(api, GIVEN), (error) => {
            assert.equal(error.constructor, VerigatorError);
            assert.deepEqual([error.status, error.attempts], [status, 1]);
            assert.deepEqual([error.outcome, error.safeToRetry], ['rejected', false]);
            return true;
          });
          assert.equal(sent.get(id), 1, id);
        }
      }
      assert.equal(there.connections().opened, 0, 'the other host was connected to');
    });
  }
});

describe('a certificate', () => {
  let peer;
  let tls;

  before(async () => {
    peer = await startPeer();
    ({ tls } = peer.places);
  });
  after(() => peer.stop());

  const counts = async (name) => (await (await fetch(tls.counts)).json())[name];

  for (const [about, name, trusted] of [
    ['of another name', 'wrong_name', () => tls.ca],
    ['that is expired', 'expired', () => tls.ca],
    ['of another authority', 'unknown_ca', () => tls.ca],
    ['of an authority that nobody knows', 'right', () => undefined],
  ]) {
    it(`${about} is refused by every call, at the first attempt`, async () => {
      const before = await counts(name);
      const options = { caBundle: trusted(), idempotency: 'on', maxRetries: 5 };
      for (const [operation, call] of Object.entries(CALLS)) {
        const api = new Api('test', 'test', tls[name], options);
        await assert.rejects(call(api, GIVEN), (error) => {
          assert.equal(error.constructor, VerigatorConnectionError, operation);
          assert.match(error.message, /certificate/);
          assert.deepEqual([error.attempts, error.status, error.outcome], [1, 0, 'not_sent']);
          assert.equal(error.safeToRetry, false, 'it would be refused again');
          assert.ok(error.cause instanceof Error);
          return true;
        });
      }
      const after = await counts(name);
      assert.equal(after.connections - before.connections, Object.keys(CALLS).length);
      assert.equal(after.handshakes, before.handshakes, 'one was taken');
    });
  }

  it('of an authority in caBundle is taken, however it is given', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'verigator-ca-'));
    const path = join(folder, 'ca.pem');
    writeFileSync(path, tls.ca);
    for (const caBundle of [tls.ca, Buffer.from(tls.ca), path]) {
      for (const endpoint of [tls.right, tls.right.replace('127.0.0.1', 'localhost')]) {
        const api = new Api('test', 'test', endpoint, { caBundle });
        await assert.rejects(api.services.get('nobody'), NoSuchResourceError);
        await api.close();
      }
    }
    const { stdout } = await run(
      `import { Api } from 'verigator';
      const api = new Api('test', 'test', '${tls.right}');
      await api.services.get('nobody').catch(({ name }) => console.log(name));`,
      { env: { VERIGATOR_CA_BUNDLE: path } },
    );
    assert.equal(stdout, 'NoSuchResourceError\n');
    rmSync(folder, { recursive: true });
  });
});
