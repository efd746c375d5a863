// The program `verigator serve` as people run it: with an account from `verigator account create`, on
// the store that a test asks for, and with the messages that it printed.
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, open, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const program = join(root, `target/debug/verigator${process.platform === 'win32' ? '.exe' : ''}`);

const ACCOUNT = 'shop';

/** Milliseconds that anything may take which is quick when it works. */
const PATIENCE = 30_000;

/** This environment, with no option of the program in it. */
const environment = () =>
  Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !name.startsWith('VERIGATOR_')),
  );

/**
 * Starts one. `pin` gives the PIN in the latest message to a number; `stop` asks it to drain, and
 * fails when it does not end well.
 *
 * @param {string} store the option that names its store; a file is in a folder of its own
 */
export async function startServed(store) {
  if (!existsSync(program)) {
    throw new Error(`${program} is missing: cargo build -p verigator-server`);
  }
  const cwd = await mkdtemp(join(tmpdir(), 'verigator-served-'));
  const given = { cwd, env: environment() };
  const created = await promisify(execFile)(
    program,
    ['account', 'create', ACCOUNT, '--store', store],
    given,
  );
  const log = await open(join(cwd, 'log'), 'w');
  const child = spawn(program, ['serve', '--listen', '127.0.0.1:0', '--store', store], {
    ...given,
    stdio: ['ignore', 'pipe', log.fd],
  });
  // Also when a test throws where nothing catches it.
  process.on('exit', () => child.kill('SIGKILL'));
  await log.close();
  const logged = () => readFile(join(cwd, 'log'), 'utf8');
  const ended = once(child, 'exit');
  const lines = createInterface(child.stdout);
  const [first] = await Promise.race([
    once(lines, 'line'),
    ended.then(async ([code]) => {
      throw new Error(`the server ended with ${code}: ${await logged()}`);
    }),
  ]);
  /** @type {Map<string, string[]>} */
  const sent = new Map();
  // "<time> <number>: <pin> is your …"
  lines.on('line', (line) => {
    const [, to, text] = /^\S+ (\S+): (.*)$/.exec(line) ?? [];
    if (to && text) sent.set(to, [...(sent.get(to) ?? []), text]);
  });
  const messages = async (/** @type {string} */ to) => {
    const until = Date.now() + PATIENCE;
    while (!sent.has(to)) {
      if (Date.now() > until) throw new Error('no message came');
      await new Promise((done) => setTimeout(done, 5));
    }
    return /** @type {string[]} */ (sent.get(to));
  };
  return {
    url: first.replace(/^Verigator on /, ''),
    username: ACCOUNT,
    password: created.stdout.trim(),
    messages,
    pin: async (/** @type {string} */ to) => (await messages(to)).at(-1)?.split(' ')[0] ?? '',
    stop: async () => {
      child.kill('SIGTERM');
      const [code] = await ended;
      if (code !== 0) throw new Error(`the server ended with ${code}: ${await logged()}`);
      await rm(cwd, { recursive: true });
    },
  };
}

/** Starts a PostgreSQL that ends with this process. `stop` ends it earlier. */
async function startPostgres() {
  const child = spawn('python3', [join(root, 'tests/postgres.py')], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const ended = once(child, 'exit');
  const [url] = await Promise.race([
    once(createInterface(child.stdout), 'line'),
    ended.then(([code]) => {
      throw new Error(`PostgreSQL ended with ${code}`);
    }),
  ]);
  return {
    url,
    stop: async () => {
      child.stdin.end();
      await ended;
    },
  };
}

/** A server on a PostgreSQL of its own. */
async function startOnPostgres() {
  const database = await startPostgres();
  const served = await startServed(database.url);
  return {
    ...served,
    stop: async () => {
      await served.stop();
      await database.stop();
    },
  };
}

/** The stores that a server keeps everything in: what starts a server on each. */
export const STORES = {
  sqlite: () => startServed('sqlite:verigator.db'),
  postgres: startOnPostgres,
};
