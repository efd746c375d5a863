// A login with a second factor, from the first sign-up to the open door.
//
// Reads VERIGATOR_ENDPOINT, VERIGATOR_USERNAME and VERIGATOR_PASSWORD, and wants a sandbox there:
// `verigator sandbox`. What a person does with a phone is in person.mjs.

import { Api } from 'verigator';

import { Person } from './person.mjs';

const api = new Api();
const person = new Person('+372 5222 2222');
const service = await api.services.create('node.example.com', 'Node shop');
const user = await api.users.create(service.id, person.number, 'john.doe@example.com');
await logInBySms();
await addAuthenticator();
await logInByAuthenticator();

async function logInBySms() {
  const method = await api.auth.initiate(service.id, user.id, api.auth.METHOD_SMS);
  expect(method === api.auth.METHOD_SMS, 'an SMS went out');
  const pin = await person.readsTheMessage();

  const wrong = person.mistypes(pin);
  expect(!(await api.auth.verify(service.id, user.id, wrong)), 'a wrong PIN is refused');
  expect(await api.auth.verify(service.id, user.id, pin), 'the right PIN is accepted');
}

async function addAuthenticator() {
  const enrolment = await api.totp.enrol(service.id, user.id);
  // Your page shows enrolment.qr; the app on the phone keeps the secret that is in it.
  person.scans(enrolment.secret);
  const code = person.readsTheCode();
  expect(await api.totp.confirm(service.id, user.id, code), 'an authenticator is set up');
}

async function logInByAuthenticator() {
  const method = await api.auth.initiate(service.id, user.id, api.auth.METHOD_TOTP);
  expect(method === api.auth.METHOD_TOTP, 'the authenticator is asked, no SMS goes out');
  // Each code is taken once, and the one on the screen has just been used.
  const code = person.waitsForTheNextCode();

  const wrong = person.mistypes(code);
  expect(!(await api.auth.verify(service.id, user.id, wrong)), 'a wrong code is refused');
  expect(await api.auth.verify(service.id, user.id, code), 'the right code is accepted');
}

function expect(happened, what) {
  if (!happened) throw new Error(`FAILED: ${what}`);
  console.log(`  ${what}`);
}
