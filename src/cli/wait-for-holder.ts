import type { DeployClient, DeployRef } from '../client/index.ts';
import { cleaned } from './clean.ts';
import type { Interruption } from './interruption.ts';
import { busyLine, where } from './render/busy.ts';

/** Waits until another deploy of the target has ended, saying what it is at whenever that changes. */
export async function waitForHolder(
  client: Pick<DeployClient, 'follow'>,
  holder: DeployRef,
  interruption: Interruption,
  say: (line: string) => void,
): Promise<void> {
  const stop = interruption.onceInterrupted();
  let told = '';
  for await (const moment of client.follow(holder, { signal: stop, intervalMs: 1000 })) {
    const view = cleaned(moment.view);
    if (view.outcome) say(`${view.target}: that deploy has ended: ${view.outcome}.`);
    else if (told !== where(view)) say(`Waiting: ${busyLine(view, Date.now())}`);
    told = where(view);
  }
}
