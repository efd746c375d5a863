/**
 * The package `verigator`, declared. index.d.mts gives the same to import.
 *
 * @module verigator
 */

/** How somebody proves that the phone is theirs: a PIN in a text message, or an authenticator app. */
export type Method = 'sms' | 'totp';

/**
 * What the server may have done with a call that failed: the request never left (`not_sent`), it
 * may have arrived (`unknown`), the server answered that it did not act (`rejected`) or that it
 * acted (`accepted`).
 */
export type Outcome = 'not_sent' | 'unknown' | 'rejected' | 'accepted';

/** Something that takes lines of log, such as `console` or a logger of your own. */
export interface Logger {
  /** Takes one line. No line holds a secret, a whole username or a phone number. */
  debug(message: string): void;
}

/**
 * The options of a client. What is left out comes from the environment where a variable is named,
 * else it is the default. Durations are milliseconds.
 */
export interface ApiOptions {
  /** How long one attempt may take. Default 30 000; `VERIGATOR_TIMEOUT`, which is in seconds. */
  timeout?: number | undefined;
  /** How long it may take to connect, TLS included. Default 5000. */
  connectTimeout?: number | undefined;
  /** How long a call may take with all its attempts and waits. Default 60 000. */
  deadline?: number | undefined;
  /**
   * How often a failed request may be sent again; 0 means exactly one send. Default 2;
   * `VERIGATOR_MAX_RETRIES`. A request that may have sent a message is never sent again, unless the
   * server makes that harmless.
   */
  maxRetries?: number | undefined;
  /**
   * When a repeated request counts as harmless: once the server has said that it honours
   * `Idempotency-Key` (`auto`, the default), always (`on`) or never (`off`, and no key is sent).
   */
  idempotency?: 'auto' | 'on' | 'off' | undefined;
  /** How long an unused connection is kept. Default 4000. */
  poolIdleTimeout?: number | undefined;
  /**
   * A proxy for every request, such as `http://user:password@proxy:3128`. Default: the variables
   * `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY`.
   */
  proxy?: string | URL | undefined;
  /**
   * Certificates to trust beside the platform's own: the path of a PEM file, or the PEM itself, as
   * a string or as bytes. `VERIGATOR_CA_BUNDLE` is a path.
   */
  caBundle?: string | Uint8Array | undefined;
  /** A word about your program for the end of the User-Agent, such as `shop/2.1`. */
  appInfo?: string | undefined;
  /**
   * Allows plain `http` to a host that is not this machine. The password and PINs then travel
   * readable. Default false.
   */
  allowInsecureHttp?: boolean | undefined;
  /** Gets a line for every call. `NODE_DEBUG=verigator` writes the same lines to standard error. */
  logger?: Logger | undefined;
}

/** The options of one call. What is left out is as the client has it. Durations are milliseconds. */
export interface CallOptions {
  /** How long one attempt may take. */
  timeout?: number | undefined;
  /** How long the call may take with all its attempts and waits. */
  deadline?: number | undefined;
  /** How often the request may be sent again; 0 means exactly one send. */
  maxRetries?: number | undefined;
  /**
   * Ends the call: it rejects with a {@link RequestAbortedError}, whatever the signal's reason, and
   * its connection is closed. With a signal that is aborted already, nothing is sent. To abort is
   * not to undo: a message may be on its way.
   */
  signal?: AbortSignal | undefined;
}

/** The options of a call that checks a PIN or a code. */
export interface VerifyOptions extends CallOptions {
  /**
   * The method to say in the request. Without it, the client says the one that `initiate` returned
   * for this user, if it is the client that called it.
   */
  method?: Method | undefined;
}

/**
 * The client: services, users, authentications and authenticator apps of one account.
 *
 * One is enough for a process. It connects with its first call, keeps its connections for the next
 * ones, and never keeps the process alive when no call is under way.
 *
 * @example
 * ```js
 * const api = new Api('username', 'password', 'https://verigator.example.com');
 * const service = await api.services.create('example.com', 'Example');
 * const user = await api.users.create(service.id, '+37255555555', 'john.doe@example.com');
 * await api.auth.initiate(service.id, user.id, api.auth.METHOD_SMS);
 * if (await api.auth.verify(service.id, user.id, pin)) console.log('welcome');
 * ```
 */
export class Api {
  /**
   * Checks the options. Connects to nothing.
   *
   * @param username the account's name, without a colon. Default `VERIGATOR_USERNAME`
   * @param password the account's password. Default `VERIGATOR_PASSWORD`
   * @param endpoint where the server is; https, unless it is this machine. Default
   *   `VERIGATOR_ENDPOINT`, else the hosted service, which is deprecated
   * @param options see {@link ApiOptions}
   * @throws {ConfigurationError} names the option at fault
   */
  constructor(
    username?: string | null,
    password?: string | null,
    endpoint?: string | URL | null,
    options?: ApiOptions,
  );

  /** Sites and apps whose users are verified. */
  readonly services: Services;
  /** The users of a service. */
  readonly users: Users;
  /** Authentications. */
  readonly auth: Auth;
  /** Authenticator apps. Only servers of this project have them. */
  readonly totp: Totp;

  /**
   * Refuses later calls with a {@link ClientClosedError} and closes idle connections; calls under
   * way go on. Again does nothing.
   */
  close(): Promise<void>;
  /** Closes it at the end of an `await using`. */
  [Symbol.asyncDispose](): Promise<void>;
}

/** Sites and apps whose users are verified: `api.services`. */
export interface Services {
  /**
   * Creates a service.
   *
   * @param domain its domain, such as `example.com`
   * @param name the name that its users see in their messages
   * @throws {ResourceAlreadyExistsError} when the name or the domain is taken
   * @throws {VerigatorError} any other failure
   */
  create(domain: string, name: string, options?: CallOptions): Promise<Service>;
  /**
   * Gets a service.
   *
   * @throws {NoSuchResourceError} when there is none with this id
   * @throws {VerigatorError} any other failure
   */
  get(id: string, options?: CallOptions): Promise<Service>;
  /**
   * Deletes a service with its users.
   *
   * @throws {NoSuchResourceError} when there is none with this id
   * @throws {VerigatorError} any other failure
   */
  delete(id: string, options?: CallOptions): Promise<void>;
}

/** The users of a service: `api.users`. */
export interface Users {
  /**
   * Adds a user to a service.
   *
   * @param serviceId the service's id
   * @param number the phone number with its country's prefix, such as `+37255555555`
   * @param username the name in your service, usually an email address
   * @throws {ResourceAlreadyExistsError} when the username is taken
   * @throws {InvalidDataError} when the number is none
   * @throws {VerigatorError} any other failure
   */
  create(serviceId: string, number: string, username: string, options?: CallOptions): Promise<User>;
  /**
   * Gets a user.
   *
   * @throws {NoSuchResourceError} when there is none with this id
   * @throws {VerigatorError} any other failure
   */
  get(serviceId: string, id: string, options?: CallOptions): Promise<User>;
  /**
   * Gets all users of a service.
   *
   * @throws {NoSuchResourceError} when there is no such service
   * @throws {VerigatorError} any other failure
   */
  getAll(serviceId: string, options?: CallOptions): Promise<User[]>;
  /**
   * Deletes a user.
   *
   * @throws {NoSuchResourceError} when there is none with this id
   * @throws {VerigatorError} any other failure
   */
  delete(serviceId: string, id: string, options?: CallOptions): Promise<void>;
}

/** Authentications: `api.auth`. */
export interface Auth {
  /** A PIN in a text message. */
  readonly METHOD_SMS: 'sms';
  /** A code from an authenticator app; a PIN in a text message for a user who has none. */
  readonly METHOD_TOTP: 'totp';

  /**
   * Starts an authentication. With `sms` a PIN is sent.
   *
   * Unless the server honours idempotency keys, this is sent at most once: when it is not known
   * whether a message went out, the error says so with `outcome: 'unknown'`.
   *
   * @returns the method really used: `totp` becomes `sms` for a user without an authenticator app
   * @throws {ResourceAlreadyExistsError} when a PIN went out a moment ago, with `retryAfter`
   * @throws {RateLimitError} when too many were sent, with `retryAfter`
   * @throws {VerigatorError} any other failure
   */
  initiate(
    serviceId: string,
    userId: string,
    method: Method,
    options?: CallOptions,
  ): Promise<string>;
  /**
   * Checks what the user typed. A wrong PIN is `false`, not an error.
   *
   * @param token the PIN or the code, a string: a number would lose its leading zeros
   * @returns whether to let the user in
   * @throws {NoSuchResourceError} when no authentication was started, or it was used already
   * @throws {VerigatorError} any other failure
   */
  verify(
    serviceId: string,
    userId: string,
    token: string,
    options?: VerifyOptions,
  ): Promise<boolean>;
  /**
   * Checks what the user typed, and says why it was not accepted.
   *
   * @param token the PIN or the code, a string: a number would lose its leading zeros
   * @returns an object, which counts as true in an `if` whatever it says: ask `isVerified()`
   * @throws {NoSuchResourceError} when no authentication was started, or it was used already
   * @throws {VerigatorError} any other failure
   */
  verifyDetailed(
    serviceId: string,
    userId: string,
    token: string,
    options?: VerifyOptions,
  ): Promise<Verification>;
  /**
   * Checks what the user typed, and throws unless it is right.
   *
   * @param token the PIN or the code, a string: a number would lose its leading zeros
   * @throws {NotVerifiedError} when it is not
   * @throws {NoSuchResourceError} when no authentication was started, or it was used already
   * @throws {VerigatorError} any other failure
   */
  verifyOrThrow(
    serviceId: string,
    userId: string,
    token: string,
    options?: VerifyOptions,
  ): Promise<Verification>;
}

/** Authenticator apps: `api.totp`. Only servers of this project have them. */
export interface Totp {
  /**
   * Makes a new secret for a user's authenticator app. It counts once it is confirmed.
   *
   * @returns what to show the user, this once
   * @throws {VerigatorError}
   */
  enrol(serviceId: string, userId: string, options?: CallOptions): Promise<Enrolment>;
  /**
   * Confirms an authenticator app with the first code that it shows.
   *
   * @returns whether the code was right
   * @throws {VerigatorError}
   */
  confirm(
    serviceId: string,
    userId: string,
    token: string,
    options?: CallOptions,
  ): Promise<boolean>;
  /**
   * Removes a user's authenticator app.
   *
   * @throws {VerigatorError}
   */
  remove(serviceId: string, userId: string, options?: CallOptions): Promise<void>;
}

/**
 * The client in the object style, where services and users are asked themselves. It takes and
 * throws what {@link Api} does.
 *
 * @example
 * ```js
 * const verigator = new Verigator('username', 'password', 'https://verigator.example.com');
 * const service = await Service.get(verigator, 'service-id');
 * const user = await service.registerUser('john.doe@example.com', '+37255555555');
 * await user.authenticateUsingSMS();
 * const response = await user.verifyPin(pin);
 * if (response.isVerified()) console.log('welcome');
 * ```
 */
export class Verigator {
  /**
   * Checks the options. Connects to nothing.
   *
   * @param username the account's name, without a colon. Default `VERIGATOR_USERNAME`
   * @param password the account's password. Default `VERIGATOR_PASSWORD`
   * @param endpoint where the server is; https, unless it is this machine. Default
   *   `VERIGATOR_ENDPOINT`, else the hosted service, which is deprecated
   * @param options see {@link ApiOptions}
   * @throws {ConfigurationError} names the option at fault
   */
  constructor(
    username?: string | null,
    password?: string | null,
    endpoint?: string | URL | null,
    options?: ApiOptions,
  );

  /**
   * Creates a service.
   *
   * @param name the name that its users see in their messages
   * @param fqdn its domain, such as `example.com`
   * @throws {ResourceAlreadyExistsError} when the name or the domain is taken
   * @throws {VerigatorError} any other failure
   */
  createService(name: string, fqdn: string, options?: CallOptions): Promise<Service>;
  /**
   * Gets a service.
   *
   * @throws {NoSuchResourceError} when there is none with this id
   * @throws {VerigatorError} any other failure
   */
  getService(id: string, options?: CallOptions): Promise<Service>;

  /**
   * Refuses later calls with a {@link ClientClosedError} and closes idle connections; calls under
   * way go on. Again does nothing.
   */
  close(): Promise<void>;
  /** Closes it at the end of an `await using`. */
  [Symbol.asyncDispose](): Promise<void>;
}

/** What a {@link Service} is in JSON. */
export interface ServiceFields {
  /** The id to pass to every other call. */
  id: string;
  /** When it was created, as the server wrote it. */
  creationTime: string;
  /** The name that its users see in their messages. */
  name: string;
}

/** A site or app whose users are verified. Frozen; its JSON is its fields. */
export class Service implements Readonly<ServiceFields> {
  /**
   * A service from its fields, such as from JSON. It belongs to no client, so its methods throw a
   * {@link ConfigurationError}.
   */
  constructor(fields: ServiceFields);
  /**
   * Gets a service.
   *
   * @param verigator whom to ask; an {@link Api} does as well
   * @throws {NoSuchResourceError} when there is none with this id
   * @throws {VerigatorError} any other failure
   */
  static get(verigator: Verigator | Api, id: string, options?: CallOptions): Promise<Service>;

  readonly id: string;
  readonly creationTime: string;
  readonly name: string;
  /** {@link creationTime} as a Date; an invalid one when the server's text is not a time. */
  get createdAt(): Date;

  /**
   * Adds a user.
   *
   * @param username the name in your service, usually an email address
   * @param phoneNumber the number with its country's prefix, such as `+37255555555`
   * @throws {ResourceAlreadyExistsError} when the username is taken
   * @throws {InvalidDataError} when the number is none
   * @throws {VerigatorError} any other failure
   */
  registerUser(username: string, phoneNumber: string, options?: CallOptions): Promise<User>;
  /**
   * Gets a user.
   *
   * @throws {NoSuchResourceError} when there is none with this id
   * @throws {VerigatorError} any other failure
   */
  getUser(id: string, options?: CallOptions): Promise<User>;
  /**
   * Gets all users.
   *
   * @throws {VerigatorError}
   */
  getUsers(options?: CallOptions): Promise<User[]>;
  /**
   * Deletes the service with its users.
   *
   * @throws {VerigatorError}
   */
  delete(options?: CallOptions): Promise<void>;
}

/** What a {@link User} is in JSON. */
export interface UserFields {
  /** The id to store beside your own user. */
  id: string;
  /** When it was created, as the server wrote it. */
  creationTime: string;
  /** The name in your service. */
  username: string;
}

/**
 * Somebody who can be verified. Frozen; its JSON is its fields. The phone number stays on the
 * server.
 */
export class User implements Readonly<UserFields> {
  /**
   * A user from its fields, such as from JSON. It belongs to no client, so its methods throw a
   * {@link ConfigurationError}.
   */
  constructor(fields: UserFields);

  readonly id: string;
  readonly creationTime: string;
  readonly username: string;
  /** {@link creationTime} as a Date; an invalid one when the server's text is not a time. */
  get createdAt(): Date;

  /**
   * Sends a PIN in a text message.
   *
   * @returns the method really used
   * @throws {ResourceAlreadyExistsError} when a PIN went out a moment ago, with `retryAfter`
   * @throws {RateLimitError} when too many were sent, with `retryAfter`
   * @throws {VerigatorError} any other failure
   */
  authenticateUsingSMS(options?: CallOptions): Promise<string>;
  /**
   * Asks for a code of the authenticator app, or sends a PIN to a user who has none.
   *
   * @returns the method really used
   * @throws {VerigatorError}
   */
  authenticateUsingTotp(options?: CallOptions): Promise<string>;
  /**
   * Checks what the user typed. A wrong PIN is an answer, not an error.
   *
   * @param pin the PIN or the code, a string: a number would lose its leading zeros
   * @returns an object, which counts as true in an `if` whatever it says: ask `isVerified()`
   * @throws {NoSuchResourceError} when no authentication was started, or it was used already
   * @throws {VerigatorError} any other failure
   */
  verifyPin(pin: string, options?: VerifyOptions): Promise<Verification>;
  /**
   * Deletes the user.
   *
   * @throws {VerigatorError}
   */
  delete(options?: CallOptions): Promise<void>;
}

/** Why a PIN or a code was not accepted. */
export interface VerificationStatus {
  /** Too many wrong tries: nothing is accepted until a new PIN is sent. */
  readonly throttled: boolean;
  /** It is too old. */
  readonly expired: boolean;
  /** It is not the one that was sent. */
  readonly invalid: boolean;
  /** `INVALID`, `EXPIRED` or `THROTTLED`. */
  readonly result: string;
}

/** What a {@link Verification} is in JSON. */
export interface VerificationFields {
  /** Whether to let the user in. */
  verified: boolean;
  /** The method of the authentication, when the server names it. */
  method?: string | undefined;
  /** Why not, when the server says. */
  status?: VerificationStatus | undefined;
}

/**
 * What the server says of a PIN or a code. Frozen. As every object, it counts as true in an `if`
 * whatever it says: ask `isVerified()`.
 */
export class Verification implements Readonly<VerificationFields> {
  /** What a server said, for tests of your own. */
  constructor(fields: VerificationFields);

  readonly verified: boolean;
  readonly method: string | undefined;
  readonly status: Readonly<VerificationStatus> | undefined;
  /** Whether to let the user in: {@link verified}. */
  isVerified(): boolean;
}

/** What an {@link Enrolment} is in JSON. */
export interface EnrolmentFields {
  /** The `otpauth://totp/…` address that an authenticator app takes. */
  uri: string;
  /** The secret in Base32, for typing. */
  secret: string;
  /** The address as a QR code: a `data:image/svg+xml;base64,…` URL. */
  qr: string;
}

/** A new authenticator's secret, shown this once. Frozen; `console.log` does not show it, JSON does. */
export class Enrolment implements Readonly<EnrolmentFields> {
  /** What a server said, for tests of your own. */
  constructor(fields: EnrolmentFields);

  readonly uri: string;
  readonly secret: string;
  readonly qr: string;
}

/** The details of a {@link VerigatorError}, for those who make one in a test. */
export interface ErrorDetails {
  /** `ERR_VERIGATOR_` and the kind of the error. Default: that of the class. */
  code?: string | undefined;
  /** The HTTP status. Default 0. */
  status?: number | undefined;
  /** A stable word. Default: the kind of the error. */
  errorCode?: string | undefined;
  /** The call that failed. */
  operation?: string | undefined;
  /** How many times the request was tried. Default 0. */
  attempts?: number | undefined;
  /** How many milliseconds to wait. */
  retryAfter?: number | undefined;
  /** The server's name for the request. */
  requestId?: string | undefined;
  /** Default `not_sent`. */
  outcome?: Outcome | undefined;
  /** Default false. */
  safeToRetry?: boolean | undefined;
  /** What is behind it. */
  cause?: unknown;
}

/**
 * Why a call failed: the base of all errors of this package, and the error itself for a status
 * that has no class of its own.
 */
export class VerigatorError extends Error {
  constructor(message: string, details?: ErrorDetails);

  /** A stable word, such as `ERR_VERIGATOR_NO_SUCH_RESOURCE`. */
  code: string;
  /** The HTTP status, 0 when there was no answer. */
  status: number;
  /** A stable word: the server's own, such as `user_not_found`, else the kind of the error. */
  errorCode: string;
  /** The call that failed, such as `auth.initiate`. */
  operation: string | undefined;
  /** How many times the request was tried. Not known, and 0, when it was aborted. */
  attempts: number;
  /** How many milliseconds the server asks to wait. */
  retryAfter: number | undefined;
  /** The server's name for the request, to quote in a support case. */
  requestId: string | undefined;
  /** What the server may have done. */
  outcome: Outcome;
  /** Whether the same call again may succeed and cannot act twice. */
  safeToRetry: boolean;
  /** Name, message and fields. */
  toJSON(): ErrorDetails & { name: string; message: string };
}

/** 400 or 422: a field is missing or malformed. */
export class InvalidDataError extends VerigatorError {}
/** 401: username or password are wrong. */
export class WrongCredentialsError extends VerigatorError {}
/** 403: the service belongs to another account. */
export class ResourceForbiddenError extends VerigatorError {}
/** 404 or 410: no such service or user, or no authentication was started. */
export class NoSuchResourceError extends VerigatorError {}
/** 409: the name is taken, or a PIN went out a moment ago (then with `retryAfter`). */
export class ResourceAlreadyExistsError extends VerigatorError {}
/** 429: a sending or guessing budget is used up. */
export class RateLimitError extends VerigatorError {}
/** 5xx: the server failed. */
export class InternalError extends VerigatorError {}
/** A 2xx whose body is not the JSON it should be, or is over 1 MiB. */
export class InvalidResponseError extends VerigatorError {}
/** No answer: {@link VerigatorConnectionError} or {@link VerigatorTimeoutError}. */
export class TransportError extends VerigatorError {}
/** No answer: the name did not resolve, the connection failed, or it broke. */
export class VerigatorConnectionError extends TransportError {}
/** No answer in time. */
export class VerigatorTimeoutError extends TransportError {}
/** `verifyOrThrow` and a PIN that is not right. */
export class NotVerifiedError extends VerigatorError {}
/** An argument was refused; nothing was sent. */
export class InvalidArgumentError extends VerigatorError {}
/** An option was refused and no client was made, or a service or user belongs to no client. */
export class ConfigurationError extends VerigatorError {}
/** The client was closed before the call. */
export class ClientClosedError extends VerigatorError {}
/**
 * The call's `signal` was aborted. Its `name` is `AbortError`, and its `cause` the signal's reason:
 * for `AbortSignal.timeout(…)` an error named `TimeoutError`.
 */
export class RequestAbortedError extends VerigatorError {}

/**
 * What `import` or `require` of this package throws where its native part is not installed, or can't
 * be loaded. It is no class, as nothing is exported then: tell it by its `code`. Its `cause` says why.
 */
export interface NativeMissingError extends Error {
  name: 'NativeMissingError';
  code: 'ERR_VERIGATOR_NATIVE_MISSING';
  /** `process.platform`. */
  platform: string;
  /** `process.arch`. */
  arch: string;
  /** The C library, on Linux. */
  libc: 'glibc' | 'musl' | undefined;
}
