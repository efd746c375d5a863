// The examples of the published documents, name for name: the Java ones and the Python ones, against
// the sandbox, the server as a program, a server that follows the documents to the letter, and one as
// the old clients expect.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import { Api, Service, User, Verification, Verigator } from 'verigator';
import { Sandbox } from 'verigator/testing';

import { startPeer } from './support/peer.mjs';
import { STORES } from './support/served.mjs';

// One for each login, by whether it is by SMS: a program's messages come a moment after its answer.
const NUMBERS = { true: '+3725555555', false: '+3725555556' };

let peer;
let sandbox;

before(async () => {
  [peer, sandbox] = await Promise.all([startPeer(), Sandbox.start()]);
});

after(() => Promise.all([peer.stop(), sandbox.stop()]));

/** A server that keeps its messages where they can be asked for. */
const inMemory = ({ url, username, password }) => ({
  url,
  username,
  password,
  pin: async (to) => {
    const answer = await fetch(`${url}/sandbox/messages?to=${encodeURIComponent(to)}`);
    return (await answer.json()).at(-1).pin;
  },
  stop: async () => {},
});

for (const [name, start] of [
  ['the sandbox', async () => inMemory(sandbox)],
  ['a server by the documents', async () => inMemory(peer.places.documents)],
  ['a server of the old clients', async () => inMemory(peer.places.old_clients)],
  ...Object.entries(STORES).map(([store, start]) => [`a server on ${store}`, start]),
]) {
  describe(name, () => {
    let place;
    let API_USERNAME;
    let API_PASSWORD;
    let ENDPOINT;
    let VERIGATOR_SERVICE_ID;

    before(async () => {
      place = await start();
      ({ username: API_USERNAME, password: API_PASSWORD, url: ENDPOINT } = place);
      const verigator = new Verigator(API_USERNAME, API_PASSWORD, ENDPOINT);
      const service = await verigator.createService(`shop for ${name}`, 'shop.example.com');
      VERIGATOR_SERVICE_ID = service.id;
    });

    after(() => place.stop());

    for (const USE_SMS of [true, false]) {
      it(`the Java example with USE_SMS = ${USE_SMS}`, async () => {
        // Initialize the Verigator API with your Messente API credentials
        const verigator = new Verigator(API_USERNAME, API_PASSWORD, ENDPOINT);

        // After creating the service, for all future requests you get Service instance like this:
        const service = await Service.get(verigator, VERIGATOR_SERVICE_ID);

        // Now you can start syncing your service's users to Verigator
        const user = await service.registerUser(`youremail${USE_SMS}@example.com`, NUMBERS[USE_SMS]);

        // You can use SMS or TOTP (verification via Verigator app)
        if (USE_SMS) {
          await user.authenticateUsingSMS();
        } else {
          await user.authenticateUsingTotp();
        }

        const wrong = await user.verifyPin('nothing');
        assert.ok(wrong instanceof Verification);
        assert.equal(wrong.isVerified(), false);
        const verificationResponse = await user.verifyPin(await place.pin(NUMBERS[USE_SMS]));
        assert.equal(verificationResponse.isVerified(), true);

        await user.delete();
      });
    }

    it('the Python examples', async () => {
      // Initialize API
      const api = new Api(API_USERNAME, API_PASSWORD, ENDPOINT);

      // Create your service
      const service = await api.services.get(VERIGATOR_SERVICE_ID);

      // Add User to your Service
      const added = await api.users.create(service.id, '+37255555666', 'username');

      // Initialize user
      const user = await api.users.get(service.id, added.id);
      assert.deepEqual(user, added);

      // Start authentication
      const auth_id = await api.auth.initiate(service.id, user.id, api.auth.METHOD_TOTP);
      assert.equal(auth_id, 'sms');

      // Verify token
      const token = await place.pin('+37255555666');
      assert.equal(await api.auth.verify(service.id, user.id, `${token}0`), false);
      assert.equal(await api.auth.verify(service.id, user.id, token), true);
    });

    it('the rest of the object style', async () => {
      const verigator = new Verigator(API_USERNAME, API_PASSWORD, ENDPOINT);
      const made = await verigator.createService(`second for ${name}`, 'second.example.com');
      const service = await verigator.getService(made.id);
      assert.ok(service instanceof Service);
      assert.deepEqual(service, made);
      const one = await service.registerUser('one', '+37255555001');
      const two = await service.registerUser('two', '+37255555002');
      assert.ok(one instanceof User);
      assert.deepEqual(await service.getUser(two.id), two);
      const users = await service.getUsers();
      assert.deepEqual(users.map((user) => user.username).sort(), ['one', 'two']);
      await two.delete();
      assert.deepEqual(await service.getUsers(), [one]);
      await service.delete();
      await assert.rejects(verigator.getService(made.id), { name: 'NoSuchResourceError' });
      await verigator.close();
    });
  });
}
