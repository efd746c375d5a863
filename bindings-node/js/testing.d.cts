/**
 * The package `verigator/testing`, declared. testing.d.mts gives the same to import.
 *
 * @module verigator/testing
 */

import type { Api, ApiOptions } from './index.cjs';

/** What a {@link Message} is in JSON. */
export interface MessageFields {
  /** The number, as `+` and digits. */
  to: string;
  /** The whole text. */
  text: string;
  /** The PIN in it. */
  pin: string;
  /** When, at the sandbox's clock; milliseconds since 1970, or what a Date is made from. */
  sentAt: Date | string | number;
}

/** A message that the sandbox took in place of a phone. Frozen; `console.log` masks it. */
export class Message implements Readonly<MessageFields> {
  /** A message from its fields, such as from JSON. */
  constructor(fields: MessageFields);

  readonly to: string;
  readonly text: string;
  readonly pin: string;
  readonly sentAt: Date;
}

/** How long to wait. */
export interface WaitOptions {
  /** Milliseconds of real time. Default 5000. */
  timeout?: number | undefined;
}

/** The operations that a fault can be for. */
export type Operation =
  | 'services.create'
  | 'services.get'
  | 'services.delete'
  | 'users.create'
  | 'users.get'
  | 'users.get_all'
  | 'users.delete'
  | 'auth.initiate'
  | 'auth.verify'
  | 'totp.enrol'
  | 'totp.confirm'
  | 'totp.remove';

/** What goes wrong with the next requests: `status`, `drop` or `delay`, or a delay with one of them. */
export interface Fault {
  /** Answers this status, 400 to 599, without acting. */
  status?: number | undefined;
  /**
   * Closes the connection without an answer: when the request was read but not acted on, or when
   * it was acted on. Not together with `status`.
   */
  drop?: 'after_request' | 'before_answer' | undefined;
  /** Waits so many milliseconds before anything else. */
  delay?: number | undefined;
  /** How many requests it meets, 1 or more. Default 1. */
  count?: number | undefined;
  /** Meets requests of this operation only. Default: of any. */
  operation?: Operation | undefined;
}

/**
 * A real server inside this process, in memory, on a loopback port, with an outbox in place of
 * phones, a clock that can be moved, and faults that can be set. It does not keep the process
 * alive.
 *
 * @example
 * ```js
 * await using sandbox = await Sandbox.start();
 * const api = sandbox.api();
 * // … api.auth.initiate(…), then:
 * const pin = await sandbox.lastPin('+37255555555');
 * ```
 */
export class Sandbox {
  private constructor();
  /**
   * Starts one.
   *
   * @throws {VerigatorError} when it cannot listen
   */
  static start(): Promise<Sandbox>;

  /** Where it listens: `http://127.0.0.1:…`. */
  get url(): string;
  /** The account's name: `test`. */
  get username(): string;
  /** The account's password: `test`. */
  get password(): string;

  /** A client of it. */
  api(options?: ApiOptions): Api;
  /** All messages so far, oldest first. */
  messages(): Promise<Message[]>;
  /**
   * The latest message to a number, or else the first that comes in time.
   *
   * @throws {VerigatorTimeoutError} when none comes
   */
  waitForMessage(to: string, options?: WaitOptions): Promise<Message>;
  /** The PIN in the latest message to a number, if there is one. */
  lastPin(to: string): Promise<string | undefined>;
  /** Moves its clock ahead by so many milliseconds. */
  advance(ms: number): Promise<void>;
  /**
   * The code that an authenticator app with this secret (Base32) shows at its clock.
   *
   * @throws {InvalidArgumentError} when it is no such secret
   */
  totpCode(secret: string): Promise<string>;
  /**
   * Sets a fault for the next requests that it fits. Several wait in the order they were set, and a
   * request meets one of them.
   *
   * @throws {InvalidArgumentError} when it could never happen, or does nothing
   */
  failNext(fault: Fault): Promise<void>;
  /** Stops it: at once, or within half a second when requests are under way. Again does nothing. */
  stop(): Promise<void>;
  /** Stops it at the end of an `await using`. */
  [Symbol.asyncDispose](): Promise<void>;
}
