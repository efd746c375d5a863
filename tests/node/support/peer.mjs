// The scripted peer of the contract tests, as a child process that ends with this one.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const program = fileURLToPath(
  new URL(
    `../../../target/debug/verigator-peer${process.platform === 'win32' ? '.exe' : ''}`,
    import.meta.url,
  ),
);

/**
 * Starts it. `places` says where everything is; `stop` ends it.
 *
 * @returns {Promise<{ places: any, stop: () => Promise<void> }>}
 */
export async function startPeer() {
  if (!existsSync(program)) {
    throw new Error(`${program} is missing: cargo build -p verigator-tests`);
  }
  const child = spawn(program, { stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface(child.stdout);
  const [line] = await Promise.race([
    once(lines, 'line'),
    once(child, 'exit').then(([code]) => {
      throw new Error(`the peer ended with ${code}`);
    }),
  ]);
  const stop = async () => {
    const ended = once(child, 'exit');
    child.stdin.end();
    await ended;
  };
  return { places: JSON.parse(line), stop };
}
