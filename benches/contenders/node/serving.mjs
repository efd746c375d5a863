// Makes calls as lines of JSON ask for, and answers how long they took and how many were answered
// rightly.
import { createInterface } from 'node:readline';

/**
 * @param {() => Promise<boolean>} call makes one and tells whether the PIN was right
 */
export async function serve(call) {
  for await (const line of createInterface({ input: process.stdin })) {
    const { calls, at_once: atOnce } = JSON.parse(line);
    await each(call, atOnce, atOnce); // some may have to connect anew
    const cpu = process.cpuUsage();
    const began = performance.now();
    const made = await each(call, atOnce, calls);
    const seconds = (performance.now() - began) / 1e3;
    const { user, system } = process.cpuUsage(cpu);
    console.log(JSON.stringify({ calls: made, seconds, cpu: (user + system) / 1e6 }));
  }
}

async function each(call, atOnce, calls) {
  let left = calls;
  let made = 0;
  const some = async () => {
    while (left > 0) {
      left -= 1;
      if (await call()) {
        made += 1;
      }
    }
  };
  await Promise.all(Array.from({ length: atOnce }, some));
  return made;
}
