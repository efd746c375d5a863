// Small programs in processes of their own.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

// Where `verigator` is this package.
const here = fileURLToPath(new URL('..', import.meta.url));

/**
 * Runs a text as an ES module until it ends, and fails when it does not. `lingered` is how many
 * milliseconds it lived on after the last that it wrote.
 *
 * @param {string} text
 * @param {{ env?: NodeJS.ProcessEnv, within?: number, cwd?: string, flags?: string[] }} [options]
 * @returns {Promise<{ code: number | null, signal: string | null, stdout: string, stderr: string, lingered: number }>}
 */
export async function run(text, { env, within = 20_000, cwd = here, flags = [] } = {}) {
  const child = spawn(process.execPath, [...flags, '--input-type=module', '--eval', text], {
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
