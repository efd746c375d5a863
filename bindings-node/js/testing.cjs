// The package `verigator/testing`: the sandbox, a real server inside the test's own process. The
// declarations are in testing.d.cts.
'use strict';

const { inspect } = require('node:util');
const { Api } = require('./api.cjs');
const check = require('./check.cjs');
const { InvalidArgumentError, VerigatorTimeoutError } = require('./errors.cjs');
const { maskedNumber, shown } = require('./masked.cjs');
const native = require('./native.cjs');
const { wait } = require('./wait.cjs');

/**
 * @typedef {import('../native/index.js').MessageFields} MessageFields
 * @typedef {InstanceType<typeof native.Sandbox>} Native
 */

const FAULT = {
  status: check.count,
  drop: check.text,
  delay: check.durationOrZero,
  count: check.countFromOne,
  operation: check.text,
};

const WAIT = { timeout: check.durationOrZero };

/** @type {typeof Symbol.asyncDispose} */
const asyncDispose = Symbol.asyncDispose ?? Symbol.for('Symbol.asyncDispose');

/**
 * Those that run: one whose address is still used would stop if it were collected.
 *
 * @type {Set<Native>}
 */
const running = new Set();

class Message {
  /** @param {import('./testing.cjs').MessageFields} fields */
  constructor({ to, text, pin, sentAt }) {
    this.to = to;
    this.text = text;
    this.pin = pin;
    this.sentAt = new Date(sentAt);
    Object.freeze(this);
  }

  // What a test prints is a log, too.
  /**
   * @param {number} depth
   * @param {Parameters<typeof shown>[3]} options
   */
  [inspect.custom](depth, options) {
    return shown('Message', { to: maskedNumber(this.to), sentAt: this.sentAt }, depth, options);
  }
}

class Sandbox {
  #native;

  /** @param {Native} started */
  constructor(started) {
    this.#native = started;
  }

  static async start() {
    const started = new native.Sandbox();
    await wait(Sandbox.start, (calls, id) => started.start(calls, id));
    running.add(started);
    return new Sandbox(started);
  }

  get url() {
    return this.#native.url;
  }

  get username() {
    return this.#native.username;
  }

  get password() {
    return this.#native.password;
  }

  /** @param {import('./index.cjs').ApiOptions} [options] */
  api(options) {
    return new Api(this.username, this.password, this.url, options);
  }

  async messages() {
    return this.#native.messages().map((message) => new Message(message));
  }

  /**
   * @param {string} to
   * @param {import('./testing.cjs').WaitOptions} [options]
   */
  async waitForMessage(to, options) {
    const number = check.required('to', to, check.text, InvalidArgumentError);
    const { timeout = 5000 } = check.object(options, WAIT, InvalidArgumentError);
    const { message } = await wait(this.waitForMessage, (calls, id) =>
      this.#native.waitForMessage(calls, id, number, timeout),
    );
    if (!message) {
      throw new VerigatorTimeoutError(
        `no message to ${maskedNumber(number)} came within ${timeout} ms`,
      );
    }
    return new Message(message);
  }

  /** @param {string} to */
  async lastPin(to) {
    const number = check.required('to', to, check.text, InvalidArgumentError);
    return this.#native.lastPin(number) ?? undefined;
  }

  /** @param {number} ms */
  async advance(ms) {
    this.#native.advance(
      check.required('the time to advance', ms, check.durationOrZero, InvalidArgumentError),
    );
  }

  /** @param {string} secret */
  async totpCode(secret) {
    const text = check.required('secret', secret, check.text, InvalidArgumentError);
    return refusing(() => this.#native.totpCode(text));
  }

  /** @param {import('./testing.cjs').Fault} fault */
  async failNext(fault) {
    const said = check.object(fault, FAULT, InvalidArgumentError);
    refusing(() => this.#native.failNext({ ...said, count: said.count ?? 1 }));
  }

  async stop() {
    await wait(this.stop, (calls, id) => this.#native.stop(calls, id));
    running.delete(this.#native);
  }

  async [asyncDispose]() {
    await this.stop();
  }

  /**
   * @param {number} depth
   * @param {Parameters<typeof shown>[3]} options
   */
  [inspect.custom](depth, options) {
    return shown('Sandbox', { url: this.url }, depth, options);
  }
}

/**
 * @template T
 * @param {() => T} act
 */
function refusing(act) {
  try {
    return act();
  } catch (error) {
    if (error instanceof Error && Reflect.get(error, 'code') === 'InvalidArg') {
      throw new InvalidArgumentError(error.message);
    }
    throw error;
  }
}

/** @type {typeof import('./testing.cjs')} */
module.exports = { Message, Sandbox };
