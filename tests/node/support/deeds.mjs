// Every operation as something that is prepared, done once by a client that may meet a fault, and
// whose effect on the server is then counted.
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';

import { NoSuchResourceError, ResourceAlreadyExistsError } from 'verigator';

import { CALLS } from './calls.mjs';

// Verifying is two deeds: a wrong guess uses up a try, and only the right one is spent.
export const DEEDS = [
  'services.create',
  'services.get',
  'services.delete',
  'users.create',
  'users.get',
  'users.get_all',
  'users.delete',
  'auth.initiate',
  'auth.verify, wrong',
  'auth.verify, right',
  'totp.enrol',
  'totp.confirm',
  'totp.remove',
];

const READING = ['services.get', 'users.get', 'users.get_all'];

/**
 * A deed with all it needs. What is sent has the same length in each.
 *
 * @typedef {{ deed: string, given: Record<string, string>, pin?: string }} Task
 */

/** @param {string} deed */
const operationOf = (deed) => deed.split(',')[0];

/** How often a deed that succeeds changes something. @param {string} deed */
export const actsOf = (deed) => (READING.includes(deed) ? 0 : 1);

/** @param {any} api @param {Task} task */
export const perform = (api, { deed, given }) => CALLS[operationOf(deed)](api, given);

/** Whether that is what a client makes of it. @param {Task} task @param {any} result */
export function isDone({ deed, given }, result) {
  switch (deed) {
    case 'services.create':
      return result.name === given.name;
    case 'users.create':
      return result.username === given.username;
    case 'services.get':
      return result.id === given.id;
    case 'users.get':
      return result.id === given.id;
    case 'users.get_all':
      return result.length === 1;
    case 'auth.initiate':
      return result === 'sms';
    case 'totp.enrol':
      return result.secret.length >= 16;
    case 'auth.verify, wrong':
      return result === false;
    case 'auth.verify, right':
    case 'totp.confirm':
      return result === true;
    default:
      return result === undefined;
  }
}

/**
 * A server where nothing but the client keeps a second message from going out, seen through a client
 * that meets no fault.
 */
export class Stage {
  /** The only user of its service, for reading; everything else happens in another. */
  #read;
  #workplace;
  #made = 0;
  #tries = 0;

  /** @param {any} api @param {string} url */
  constructor(api, url) {
    this.api = api;
    this.url = url;
  }

  /** @param {any} api @param {string} url */
  static async set(api, url) {
    const stage = new Stage(api, url);
    const [read, work] = await Promise.all([
      api.services.create('read.example', 'read'),
      api.services.create('work.example', 'work'),
    ]);
    const user = await api.users.create(read.id, '+37255555555', 'first');
    stage.#read = { service_id: read.id, id: user.id };
    stage.#workplace = work.id;
    stage.#tries = await stage.#guesses(await stage.prepare('auth.verify, wrong'));
    assert.ok(stage.#tries > 1);
    return stage;
  }

  /** @param {string} deed @returns {Promise<Task>} */
  async prepare(deed) {
    const { api } = this;
    this.#made += 1;
    const n = String(this.#made).padStart(6, '0');
    const name = `name-${n}`;
    const given = {
      service_id: this.#workplace,
      domain: `${name}.example`,
      name,
      number: `+37255${n}`,
      username: name,
      method: 'sms',
    };
    switch (deed) {
      case 'services.get':
        return { deed, given: { id: this.#read.service_id } };
      case 'users.get':
      case 'users.get_all':
        return { deed, given: this.#read };
      case 'services.create':
      case 'users.create':
        return { deed, given };
      case 'services.delete':
        return { deed, given: { id: (await api.services.create(given.domain, name)).id } };
      default:
    }
    const { id } = await api.users.create(given.service_id, given.number, name);
    Object.assign(given, { id, user_id: id });
    switch (deed) {
      case 'auth.verify, wrong':
      case 'auth.verify, right': {
        await CALLS['auth.initiate'](api, given);
        const [pin] = await this.#pins(given.number);
        return { deed, pin, given: { ...given, token: deed.endsWith('right') ? pin : wrong(pin) } };
      }
      case 'totp.confirm':
      case 'totp.remove': {
        const token = totpCode((await CALLS['totp.enrol'](api, given)).secret);
        if (deed === 'totp.remove') {
          assert.equal(await CALLS['totp.confirm'](api, { ...given, token }), true);
        }
        return { deed, given: { ...given, token } };
      }
      default:
        return { deed, given };
    }
  }

  /**
   * How often the server did it, where 2 may be more. To be asked once: asking uses up what is left
   * to see.
   *
   * @param {Task} task
   * @param {any} result
   */
  async acts(task, result) {
    const { api } = this;
    const { deed, given } = task;
    switch (deed) {
      case 'services.create':
      case 'users.create':
        return exists(perform(api, task));
      case 'services.delete':
        return isGone(api.services.get(given.id));
      case 'users.delete':
        return isGone(api.users.get(given.service_id, given.id));
      case 'auth.initiate':
        return (await this.#pins(given.number)).length;
      case 'auth.verify, wrong':
        return this.#tries - (await this.#guesses(task));
      case 'auth.verify, right':
      case 'totp.remove':
        return isGone(perform(api, task));
      case 'totp.enrol': {
        const confirm = (token) => CALLS['totp.confirm'](api, { ...given, token });
        // A second enrolment has another secret.
        if (result) return (await confirm(totpCode(result.secret))) ? 1 : 2;
        return 1 - (await isGone(confirm('000000')));
      }
      case 'totp.confirm':
        return exists(CALLS['totp.enrol'](api, given));
      default:
        return 0;
    }
  }

  /** The PINs that went to a number. @param {string} number @returns {Promise<string[]>} */
  async #pins(number) {
    const answer = await fetch(`${this.url}/sandbox/messages?to=${encodeURIComponent(number)}`);
    return (await answer.json()).map(({ pin }) => pin);
  }

  /** Uses up all wrong guesses that are left. @param {Task} task */
  async #guesses({ given, pin }) {
    const guess = { ...given, token: wrong(/** @type {string} */ (pin)) };
    for (let guessed = 0; ; guessed += 1) {
      const { status } = await CALLS['auth.verify_detailed'](this.api, guess);
      if (status.throttled) return guessed;
    }
  }
}

/** 1 when it could not be made because it is there. @param {Promise<any>} made */
const exists = (made) => failedWith(made, ResourceAlreadyExistsError);

/** 1 when it was not found. @param {Promise<any>} got */
const isGone = (got) => failedWith(got, NoSuchResourceError);

async function failedWith(call, Class) {
  try {
    await call;
    return 0;
  } catch (error) {
    if (error instanceof Class) return 1;
    throw error;
  }
}

/** @param {string} pin */
function wrong(pin) {
  return (pin.startsWith('0') ? '1' : '0') + pin.slice(1);
}

/**
 * What an authenticator shows now, or so many steps of 30 seconds later: RFC 6238, six digits.
 *
 * @param {string} secret
 */
export function totpCode(secret, later = 0) {
  const bits = [...secret].map((letter) =>
    'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(letter).toString(2).padStart(5, '0'),
  );
  const bytes = bits.join('').match(/.{8}/g) ?? [];
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30_000) + later));
  const key = Buffer.from(bytes.map((byte) => parseInt(byte, 2)));
  const digest = createHmac('sha1', key).update(counter).digest();
  const number = digest.readUInt32BE(digest[19] & 15) & 0x7fffffff;
  return String(number % 1_000_000).padStart(6, '0');
}
