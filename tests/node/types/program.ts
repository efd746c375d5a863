// A program that uses the whole interface, as a user would type it. It is compiled, as a module of
// either kind, and run. A line below @ts-expect-error must not compile.
import * as assert from 'node:assert/strict';

import {
  Api,
  ClientClosedError,
  ConfigurationError,
  Enrolment,
  InternalError,
  InvalidArgumentError,
  InvalidDataError,
  InvalidResponseError,
  NoSuchResourceError,
  NotVerifiedError,
  RateLimitError,
  RequestAbortedError,
  ResourceAlreadyExistsError,
  ResourceForbiddenError,
  Service,
  TransportError,
  User,
  Verification,
  Verigator,
  VerigatorConnectionError,
  VerigatorError,
  VerigatorTimeoutError,
  WrongCredentialsError,
} from 'verigator';
import type {
  ApiOptions,
  Auth,
  CallOptions,
  EnrolmentFields,
  ErrorDetails,
  Logger,
  Method,
  NativeMissingError,
  Outcome,
  ServiceFields,
  Services,
  Totp,
  UserFields,
  Users,
  VerificationFields,
  VerificationStatus,
  VerifyOptions,
} from 'verigator';
import { Message, Sandbox } from 'verigator/testing';
import type { Fault, MessageFields, Operation, WaitOptions } from 'verigator/testing';

const NUMBER = '+37255555555';

function options(): ApiOptions {
  const lines: string[] = [];
  const logger: Logger = { debug: (message) => lines.push(message) };
  return {
    timeout: 1000,
    connectTimeout: 1000,
    deadline: 5000,
    maxRetries: 0,
    idempotency: 'auto',
    poolIdleTimeout: 1000,
    proxy: undefined,
    caBundle: undefined,
    appInfo: 'shop/2.1',
    allowInsecureHttp: false,
    logger,
  };
}

async function resources(sandbox: Sandbox): Promise<void> {
  await using api: Api = new Api(sandbox.username, sandbox.password, sandbox.url, options());
  const {
    services,
    users,
    auth,
    totp,
  }: { services: Services; users: Users; auth: Auth; totp: Totp } = api;

  const service: Service = await services.create('example.com', 'Example');
  const again: Service = await services.get(service.id, { timeout: 1000 });
  const fields: ServiceFields = service;
  const createdAt: Date = again.createdAt;
  assert.equal(fields.creationTime.slice(0, 10), createdAt.toISOString().slice(0, 10));

  const user: User = await users.create(service.id, NUMBER, 'john.doe@example.com');
  const one: User = await users.get(service.id, user.id);
  const all: User[] = await users.getAll(service.id);
  const userFields: UserFields = one;
  assert.deepEqual(all, [new User(userFields)]);

  const sms: 'sms' = auth.METHOD_SMS;
  const method: Method = auth.METHOD_TOTP;
  const used: string = await auth.initiate(service.id, user.id, method, { maxRetries: 0 });
  assert.equal(used, sms);
  const verifyOptions: VerifyOptions = { method: 'sms', deadline: 1000 };
  const right: boolean = await auth.verify(service.id, user.id, 'wrong', verifyOptions);
  assert.equal(right, false);
  const said: Verification = await auth.verifyDetailed(service.id, user.id, 'wrong');
  const status: Readonly<VerificationStatus> | undefined = said.status;
  const flags: (boolean | undefined)[] = [status?.throttled, status?.expired, status?.invalid];
  assert.deepEqual([...flags, status?.result, said.method], [false, false, true, 'INVALID', 'sms']);
  const pin: string | undefined = await sandbox.lastPin(NUMBER);
  const accepted: Verification = await auth.verifyOrThrow(service.id, user.id, pin ?? '');
  const verificationFields: VerificationFields = accepted;
  assert.equal(new Verification(verificationFields).isVerified(), accepted.verified);

  const enrolment: Enrolment = await totp.enrol(service.id, user.id);
  const { uri, secret, qr }: EnrolmentFields = enrolment;
  assert.deepEqual(new Enrolment({ uri, secret, qr }), enrolment);
  const code: string = await sandbox.totpCode(secret);
  const confirmed: boolean = await totp.confirm(service.id, user.id, code);
  assert.equal(confirmed, true);
  const removed: void = await totp.remove(service.id, user.id);
  const deleted: void[] = [
    await users.delete(service.id, user.id),
    await services.delete(service.id),
  ];
  assert.deepEqual([removed, ...deleted], [undefined, undefined, undefined]);
  const closed: void = await api.close();
  assert.equal(closed, undefined);
}

async function objectStyle(sandbox: Sandbox): Promise<void> {
  await using verigator: Verigator = new Verigator('test', 'test', new URL(sandbox.url));
  const created: Service = await verigator.createService('Second', 'second.example.com');
  const service: Service = await Service.get(verigator, created.id);
  assert.deepEqual(
    await Service.get(sandbox.api(), created.id),
    await verigator.getService(created.id),
  );
  const user: User = await service.registerUser('youremail@example.com', NUMBER);
  const same: User = await service.getUser(user.id, { timeout: 1000 });
  const all: User[] = await service.getUsers();
  assert.deepEqual([same], all);
  const used: string[] = [await user.authenticateUsingSMS()];
  const message: Message = await sandbox.waitForMessage(NUMBER, { timeout: 1000 });
  await sandbox.advance(31_000);
  used.push(await user.authenticateUsingTotp({ maxRetries: 0 }));
  assert.deepEqual(used, ['sms', 'sms']);
  const response: Verification = await user.verifyPin(message.pin, { method: 'sms' });
  assert.equal(response.isVerified(), false);
  await user.delete();
  await service.delete();
  await verigator.close();
}

async function errors(sandbox: Sandbox): Promise<void> {
  const api = sandbox.api({ maxRetries: 0 });
  const controller = new AbortController();
  controller.abort();
  const aborted: CallOptions = { signal: controller.signal };
  try {
    await api.services.get('nobody', aborted);
    assert.fail('not aborted');
  } catch (error) {
    assert.ok(error instanceof RequestAbortedError);
    const name: string = error.name;
    const cause: unknown = error.cause;
    assert.deepEqual([name, cause], ['AbortError', controller.signal.reason]);
  }
  try {
    await api.services.get('nobody');
    assert.fail('not refused');
  } catch (error) {
    assert.ok(error instanceof NoSuchResourceError);
    const base: VerigatorError = error;
    const outcome: Outcome = base.outcome;
    const texts: string[] = [base.code, base.errorCode, base.message, outcome];
    const numbers: number[] = [base.status, base.attempts];
    const maybe: [string | undefined, number | undefined, string | undefined] = [
      base.operation,
      base.retryAfter,
      base.requestId,
    ];
    const safe: boolean = base.safeToRetry;
    const json: ErrorDetails & { name: string } = base.toJSON();
    assert.deepEqual(
      [texts[0], texts[3], numbers, maybe[0], safe, json.name],
      ['ERR_VERIGATOR_NO_SUCH_RESOURCE', 'rejected', [404, 1], 'services.get', false, error.name],
    );
  }
  const transport: TransportError[] = [
    new VerigatorConnectionError('made', { outcome: 'unknown', cause: 'by hand' }),
    new VerigatorTimeoutError('made'),
  ];
  const others: VerigatorError[] = [
    ...transport,
    new ClientClosedError('made'),
    new ConfigurationError('made'),
    new InternalError('made', { status: 500, retryAfter: 1000, safeToRetry: true }),
    new InvalidArgumentError('made'),
    new InvalidDataError('made'),
    new InvalidResponseError('made'),
    new NotVerifiedError('made'),
    new RateLimitError('made'),
    new ResourceAlreadyExistsError('made'),
    new ResourceForbiddenError('made'),
    new WrongCredentialsError('made'),
  ];
  assert.ok(others.every((error) => error instanceof Error));
}

async function testing(sandbox: Sandbox): Promise<void> {
  const operation: Operation = 'services.get';
  const fault: Fault = { status: 503, count: 1, operation };
  await sandbox.failNext(fault);
  await sandbox.failNext({ drop: 'before_answer', delay: 1, operation });
  const wait: WaitOptions = { timeout: 1 };
  await assert.rejects(sandbox.waitForMessage('+37250000000', wait), VerigatorTimeoutError);
  const messages: Message[] = await sandbox.messages();
  const sentAt: Date[] = messages.map((message) => message.sentAt);
  assert.ok(sentAt.length > 0);
  const fields: MessageFields = messages[0] ?? assert.fail('no message');
  assert.deepEqual(new Message(fields), messages[0]);
}

/** Never called: what must not compile. */
export async function refused(api: Api, service: Service): Promise<void> {
  // @ts-expect-error an id is a string
  await api.services.get(7);
  // @ts-expect-error a token is a string
  await api.auth.verify('s', 'u', 123456);
  // @ts-expect-error there are two methods
  await api.auth.initiate('s', 'u', 'push');
  // @ts-expect-error an option that there is not
  await api.services.get('s', { retries: 1 });
  // @ts-expect-error method is for checking
  await api.users.get('s', 'u', { method: 'sms' });
  // @ts-expect-error a client has no such option
  new Api('user', 'pass', 'https://example.com', { time_out: 1 });
  // @ts-expect-error fields are read only
  service.name = 'other';
  // @ts-expect-error resources belong to a client
  api.services = null;
  // @ts-expect-error a sandbox is started
  new Sandbox();
  // @ts-expect-error promises only: this is not a boolean
  const verified: boolean = api.auth.verify('s', 'u', '1');
  return void verified;
}

/** What a program does that can go on without. */
function why(missing: NativeMissingError): string {
  const code: 'ERR_VERIGATOR_NATIVE_MISSING' = missing.code;
  const libc: 'glibc' | 'musl' | undefined = missing.libc;
  return [code, missing.name, missing.platform, missing.arch, libc].join(' ');
}

async function main(): Promise<void> {
  assert.equal(why.length, 1);
  await using sandbox: Sandbox = await Sandbox.start();
  await resources(sandbox);
  await objectStyle(sandbox);
  await errors(sandbox);
  await testing(sandbox);
  await sandbox.stop();
  console.log('done');
}

void main();
