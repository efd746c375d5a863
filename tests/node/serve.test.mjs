// The client against the server as people run it, on each store: every operation, an authenticator,
// and requests that are repeated with their key.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { request as send } from 'node:http';
import { after, before, beforeEach, describe, it } from 'node:test';

import {
  Api,
  NoSuchResourceError,
  NotVerifiedError,
  ResourceAlreadyExistsError,
  Service,
  Verigator,
  WrongCredentialsError,
} from 'verigator';

import { totpCode } from './support/deeds.mjs';
import { startScripted } from './support/scripted.mjs';
import { STORES } from './support/served.mjs';

const wrong = (pin) => pin.slice(0, -1) + ((Number(pin.at(-1)) + 1) % 10);

for (const [store, start] of Object.entries(STORES)) {
  describe(`on ${store}`, () => {
    let served;
    let api;
    let made = 0;
    let name;
    let number;

    before(async () => {
      served = await start();
      api = new Api(served.username, served.password, served.url);
    });

    beforeEach(() => {
      made += 1;
      name = `test-${made}`;
      number = `+3725555${String(made).padStart(4, '0')}`;
    });

    after(async () => {
      await api.close();
      await served.stop();
    });

    it('every operation', async () => {
      const service = await api.services.create(`${name}.example.com`, name);
      assert.deepEqual(await api.services.get(service.id), service);
      const user = await api.users.create(service.id, number, 'john.doe@example.com');
      assert.deepEqual(await api.users.get(service.id, user.id), user);
      assert.deepEqual(await api.users.getAll(service.id), [user]);
      await assert.rejects(
        api.users.create(service.id, number, 'john.doe@example.com'),
        ResourceAlreadyExistsError,
      );

      assert.equal(await api.auth.initiate(service.id, user.id, api.auth.METHOD_TOTP), 'sms');
      const pin = await served.pin(number);
      assert.equal(await api.auth.verify(service.id, user.id, wrong(pin)), false);
      const refused = await api.auth.verifyDetailed(service.id, user.id, wrong(pin));
      assert.equal(refused.status.result, 'INVALID');
      await assert.rejects(
        api.auth.verifyOrThrow(service.id, user.id, wrong(pin)),
        NotVerifiedError,
      );
      await assert.rejects(api.auth.initiate(service.id, user.id, 'sms'), {
        name: 'ResourceAlreadyExistsError',
        errorCode: 'resend_too_soon',
      });
      assert.equal(await api.auth.verify(service.id, user.id, pin), true);
      await assert.rejects(api.auth.verify(service.id, user.id, pin), {
        name: 'NoSuchResourceError',
        errorCode: 'authentication_not_found',
      });
      assert.equal((await served.messages(number)).length, 1);

      await api.users.delete(service.id, user.id);
      assert.deepEqual(await api.users.getAll(service.id), []);
      await api.services.delete(service.id);
      await assert.rejects(api.services.get(service.id), NoSuchResourceError);
    });

    it('an authenticator', async () => {
      const service = await api.services.create(`${name}.example.com`, name);
      const user = await api.users.create(service.id, number, name);
      const { secret } = await api.totp.enrol(service.id, user.id);
      assert.equal(await api.totp.confirm(service.id, user.id, wrong(totpCode(secret))), false);
      const first = totpCode(secret);
      assert.equal(await api.totp.confirm(service.id, user.id, first), true);

      assert.equal(await user.authenticateUsingTotp(), 'totp');
      assert.equal((await user.verifyPin(first)).isVerified(), false, 'a code counts once');
      // The next one is good as well: a clock may be a step ahead.
      assert.equal((await user.verifyPin(totpCode(secret, 1))).isVerified(), true);

      await api.totp.remove(service.id, user.id);
      assert.equal(await user.authenticateUsingTotp(), 'sms');
      assert.equal((await user.verifyPin(await served.pin(number))).isVerified(), true);
    });

    it('the object style', async () => {
      const verigator = new Verigator(served.username, served.password, served.url);
      const created = await verigator.createService(name, `${name}.example.com`);
      const service = await Service.get(verigator, created.id);
      assert.deepEqual(service, created);
      const user = await service.registerUser('john.doe@example.com', number);
      assert.deepEqual(await service.getUser(user.id), user);
      assert.deepEqual(await service.getUsers(), [user]);
      assert.equal(await user.authenticateUsingSMS(), 'sms');
      const pin = await served.pin(number);
      assert.equal((await user.verifyPin(wrong(pin))).isVerified(), false);
      assert.equal((await user.verifyPin(pin)).isVerified(), true);
      await user.delete();
      await service.delete();
      await assert.rejects(verigator.getService(created.id), NoSuchResourceError);
      await verigator.close();
    });

    it('another password is refused', async () => {
      const other = new Api(served.username, 'another', served.url);
      const asked = other.services.get('00000000-0000-4000-8000-000000000000');
      await assert.rejects(asked, WrongCredentialsError);
      await other.close();
    });

    it('what is asked twice with a key happens once', async (test) => {
      /** What loses its answer next, as method and last part of the path. */
      let lost = '';
      let keys = [];
      const relay = await startScripted(async (request, response) => {
        keys.push(request.headers['idempotency-key']);
        const { method, headers } = request;
        const onward = send(new URL(request.url, served.url), { method, headers });
        onward.end(request.text);
        const [answer] = await once(onward, 'response');
        let text = '';
        for await (const part of answer.setEncoding('utf8')) text += part;
        if (`${method} ${request.url.split('/').at(-1)}` === lost) {
          lost = '';
          response.destroy();
        } else {
          response.writeHead(answer.statusCode, answer.headers).end(text);
        }
      });
      const through = new Api(served.username, served.password, relay.url);
      test.after(async () => {
        await through.close();
        await relay.stop();
      });

      /** The one request there loses its answer, and comes again with the key of the first. */
      async function repeated(place, call) {
        lost = place;
        keys = [];
        const result = await call();
        const [first, again] = keys;
        assert.equal(keys.length, 2);
        assert.ok(first);
        assert.equal(again, first);
        return result;
      }

      // From its first answer on, the client knows that this server keeps keys.
      const service = await through.services.create(`${name}.example.com`, name);
      const user = await repeated('POST users', () =>
        through.users.create(service.id, number, name),
      );
      assert.deepEqual(await through.users.getAll(service.id), [user]);
      const initiate = () => through.auth.initiate(service.id, user.id, 'sms');
      assert.equal(await repeated('POST auth', initiate), 'sms');
      const pin = await served.pin(number);
      const verify = (guess) => () => through.auth.verify(service.id, user.id, guess);
      assert.equal(await repeated('PUT auth', verify(wrong(pin))), false);
      assert.equal(await repeated('PUT auth', verify(pin)), true);
      assert.equal((await served.messages(number)).length, 1);
    });
  });
}
