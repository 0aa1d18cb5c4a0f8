/** Makes time pass on a host: its uptime is ahead of the machine's, and goes on. */
import { closeSync, openSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { atExit } from './cleanup.ts';
import type { Ec2Host } from './ec2-host.ts';

/** Until the host's next boot, or until what is returned is called. */
export async function passTime(ec2: Ec2Host, seconds: number): Promise<() => Promise<void>> {
  const path = join(ec2.dir, 'uptime');
  const file = openSync(path, 'w');
  // In place, and never shorter than before: a reader finds a whole number whenever it comes.
  const write = () => {
    const [up = '0'] = readFileSync('/proc/uptime', 'utf8').split(' ');
    writeSync(file, `${(Number(up) + seconds).toFixed(2)} 0.00\n`, 0);
  };
  write();
  const ticking = setInterval(write, 50);
  const stop = () => {
    clearInterval(ticking);
    closeSync(file);
  };
  const forget = atExit(stop);
  await ec2.sh(`mount --bind ${path} /proc/uptime`);
  return async () => {
    await ec2.sh('umount /proc/uptime');
    forget();
    stop();
  };
}
