import { Lab, replayAll } from './lab.ts';

let lab: Promise<Lab> | undefined;

/** One server and one worker for all workflow tests of a run; closed after the last test. */
export function sharedLab(): Promise<Lab> {
  lab ??= Lab.timeSkipping();
  return lab;
}

after('every workflow of these tests replays', async function () {
  // Some hundreds of them.
  this.timeout(300_000);
  if (!lab) return;
  await replayAll();
  await (await lab).close();
});
