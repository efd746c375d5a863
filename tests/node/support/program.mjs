// Small programs in processes of their own.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

// Where `verigator` is this package.
const here = fileURLToPath(new URL('..', import.meta.url));

/**
 * Runs a text as an ES module until it ends, and fails when it does not.
 *
 * @param {string} text
 * @param {{ env?: NodeJS.ProcessEnv, within?: number, cwd?: string, flags?: string[] }} [options]
 */
export function run(text, { flags = [], cwd = here, ...options } = {}) {
  const given = [...flags, '--input-type=module', '--eval', text];
  return runProgram(process.execPath, given, { cwd, ...options });
}

/**
 * Runs a program until it ends, and fails when it does not. `lingered` is how many milliseconds it
 * lived on after the last that it wrote.
 *
 * @param {string} program
 * @param {string[]} given
 * @param {{ env?: NodeJS.ProcessEnv, within?: number, cwd: string }} options
 * @returns {Promise<{ code: number | null, signal: string | null, stdout: string, stderr: string, lingered: number }>}
 */
export async function runProgram(program, given, { env, within = 20_000, cwd }) {
  const child = spawn(program, given, {
    cwd,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: within,
    killSignal: 'SIGKILL',
  });
  let [stdout, stderr, wrote] = ['', '', performance.now()];
  child.stdout.setEncoding('utf8').on('data', (data) => {
    stdout += data;
    wrote = performance.now();
  });
  child.stderr.setEncoding('utf8').on('data', (data) => (stderr += data));
  const [code, signal] = await once(child, 'close');
  if (signal === 'SIGKILL') {
    throw new Error(`the program did not end within ${within} ms: ${stdout}${stderr}`);
  }
  return { code, signal, stdout, stderr, lingered: performance.now() - wrote };
}

/**
 * Runs it until it ends quickly: a machine may be busy now and then, a client is not five times.
 *
 * @template {{ lingered: number }} Ended
 * @param {() => Promise<Ended>} once
 */
export async function quickly(once) {
  const lingered = [];
  while (lingered.length < 5) {
    const ended = await once();
    if (ended.lingered < 200) return ended;
    lingered.push(Math.round(ended.lingered));
  }
  throw new Error(`it lived on for ${lingered.join(', ')} ms`);
}
