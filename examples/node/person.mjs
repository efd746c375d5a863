// The person with the phone: reads messages and an authenticator app.
//
// A sandbox shows its messages at /sandbox/messages. The app's codes are those of RFC 6238.

import { createHmac } from 'node:crypto';

const STEP = 30;
const BASE32 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';

export class Person {
  #secret;

  constructor(number) {
    this.number = number;
  }

  async readsTheMessage() {
    const query = new URLSearchParams({ to: this.number });
    const answer = await fetch(`${process.env.VERIGATOR_ENDPOINT}/sandbox/messages?${query}`);
    const message = (await answer.json()).at(-1);
    console.log(`  to ${message.to}: ${message.text}`);
    return message.pin;
  }

  mistypes(code) {
    return `${(Number(code[0]) + 1) % 10}${code.slice(1)}`;
  }

  scans(secret) {
    let bits = '';
    for (const letter of secret) bits += BASE32.indexOf(letter).toString(2).padStart(5, '0');
    this.#secret = Buffer.from(bits.match(/.{8}/g).map((byte) => Number.parseInt(byte, 2)));
  }

  readsTheCode() {
    return this.#codeAt(Date.now() / 1000);
  }

  // The server takes a code up to one step early, so that nobody has to wait.
  waitsForTheNextCode() {
    return this.#codeAt(Date.now() / 1000 + STEP);
  }

  #codeAt(seconds) {
    const step = Buffer.alloc(8);
    step.writeBigUInt64BE(BigInt(Math.floor(seconds / STEP)));
    const digest = createHmac('sha1', this.#secret).update(step).digest();
    const number = digest.readUInt32BE(digest.at(-1) & 0xf) & 0x7fff_ffff;
    return String(number % 1_000_000).padStart(6, '0');
  }
}
