#!/usr/bin/env node
// The command `verigator` of this package, which is the sandbox: `npx verigator sandbox`. It takes
// some of the options of the program with this name, and says where to find the rest of that.
'use strict';

const { parseArgs } = require('node:util');
const { version } = require('../../package.json');

const USAGE = `Usage: verigator sandbox [--port PORT | --listen ADDRESS] [--quiet]

A Verigator server for tests and development: in memory, with the messages printed instead of sent.

  --port PORT       Port on 127.0.0.1; 0 takes any free one [default: 8080]
  --listen ADDRESS  Address and port to listen on, such as 0.0.0.0:8080
  --quiet           Do not print the messages
  -h, --help        Print this
  -V, --version     Print the version
`;

const OPTIONS = /** @type {const} */ ({
  port: { type: 'string' },
  listen: { type: 'string' },
  quiet: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
  version: { type: 'boolean', short: 'V' },
});

/** What the program does beside the sandbox. */
const ELSEWHERE = ['serve', 'account', 'migrate', 'services', 'users', 'auth', 'totp'];

/** The status of a command that was told something it cannot do. */
const REFUSED = 2;

/** @param {string[]} given */
async function main(given) {
  const [command, ...rest] = given;
  if (command === undefined) {
    throw new Error(`no command is given\n\n${USAGE.trim()}`);
  }
  if (ELSEWHERE.includes(command)) {
    throw new Error(
      `\`${command}\` is not in this package, which has the sandbox. The whole program comes with\n` +
        "\n  pip install 'verigator[server]'\n  cargo install verigator-server",
    );
  }
  const { values, positionals } = parseArgs({
    args: command === 'help' ? ['--help', ...rest] : given,
    options: OPTIONS,
    allowPositionals: true,
  });
  if (values.help) {
    process.stdout.write(USAGE);
  } else if (values.version) {
    process.stdout.write(`verigator ${version}\n`);
  } else if (positionals.length === 1 && positionals[0] === 'sandbox') {
    await sandbox(address(values), values.quiet !== true);
  } else {
    throw new Error(`there is no command \`${positionals.join(' ')}\`\n\n${USAGE.trim()}`);
  }
}

/** @param {{ port?: string | undefined, listen?: string | undefined }} values */
function address({ port, listen }) {
  if (port !== undefined && listen !== undefined) {
    throw new Error('--port and --listen say the same; give one of them');
  }
  if (port !== undefined && !(/^\d+$/.test(port) && Number(port) < 2 ** 16)) {
    throw new Error(`${port} is no port: 0 to 65535`);
  }
  return listen ?? `127.0.0.1:${port ?? 8080}`;
}

/**
 * Runs until SIGINT or SIGTERM.
 *
 * @param {string} listen
 * @param {boolean} console
 */
async function sandbox(listen, console) {
  // Here, so that the rest works without a native part.
  const native = require('./native.cjs');
  const { wait } = require('./wait.cjs');
  // Listened for before anything is printed: who reads the URL may send a signal at once.
  const told = new Promise((resolve) => {
    process.once('SIGINT', resolve).once('SIGTERM', resolve);
  });
  const server = new native.Sandbox();
  await wait(sandbox, (calls, id) => server.start(calls, id, listen, console));
  // The server keeps no process alive.
  const alive = setInterval(() => {}, 2 ** 31 - 1);
  const { url, username, password } = server;
  process.stdout.write(
    `Verigator sandbox on ${url}\n` +
      `account ${username} with password ${password}\n` +
      `messages at ${url}, as JSON at ${url}/sandbox/messages\n`,
  );
  await told;
  await wait(sandbox, (calls, id) => server.stop(calls, id));
  clearInterval(alive);
}

main(process.argv.slice(2)).catch((error) => {
  process.stderr.write(`verigator: ${error instanceof Error ? error.message : error}\n`);
  process.exitCode = REFUSED;
});
