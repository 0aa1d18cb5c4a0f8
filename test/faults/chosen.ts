/** The cells that `npm test` runs: each fault and each moment at least once, in a few minutes. */
const cells = new Set([
  'a worker killed in mid-build',
  'a worker killed in restore, between two images',
  'a worker killed beside another one in restore, as it starts the services',
  'a worker replaced by one with newer code in verify',
  'a worker frozen beside its successor in restore, as it retakes the lease',
  'SSH connections reset in fetch',
  'the network cut for 5 s in reset, in mid-checkout',
  'the network cut for 20 s in start',
  'the network cut for longer than a step waits in mid-build',
  'a host rebooted in reset, between keeping what is there and the checkout',
  'sshd restarted in inspect',
  'a host rebooted in restore, in mid-checkout',
  'a host rebooted in record',
  'dockerd restarted in wait',
  'dockerd down for a moment in inspect',
  'dockerd hanging in verify',
  'Temporal killed and started again in record',
  'Temporal unreachable for longer than a heartbeat may take in wait',
  'a command killed for want of memory in start',
  'a command stopped in restore, in mid-checkout',
  'an abort in build, between keeping the images and building',
  'an abort in record, before anything is written',
  'a Reset from the UI in mid-build',
  'a worker killed in recovery, as it restarts a service',
  'an abort in recovery, as it restarts a service',
  'a Reset to the very beginning in restore, between two images',
  'a Reset to fetch, which the restore does not let in, in restore, as it starts the services',
  'a Reset to fetch and an abort in record',
  'a Reset to fetch while the network is cut in start',

  'terminated, takes the next deploy in start',
  'terminated, is put back by the next deploy when that fails in record',
  'robbed of its lease by dbc unlock --force, is touched no more in restore, as it verifies',
  'taken over by an embedded deploy, is left to it in mid-build',
  'taken over by an embedded deploy while Temporal is down, is left to it when Temporal comes back in restore, as it starts the services',

  'a wall clock that jumps back by years in verify',
  'a wall clock that jumps forward by years in restore, as it retakes the lease',
  'a disk that is full in start',
  'a build whose log would fill the disk',

  'killed with SIGKILL, leaves the deploy in fetch',
  'interrupted with SIGINT, aborts the deploy in mid-build',
  'ended with SIGTERM, aborts the deploy in verify',
  'whose terminal is closed, aborts the deploy in start',
  'killed with SIGKILL with --embedded, goes on with the deploy in fetch',
  'killed with SIGKILL with --embedded, goes on with the deploy in restore, as it starts the services',
  'on a machine that is gone for good, loses the host after ten minutes in start',

  'puts the first back at once, and the second when it can be reached again',
  'puts both back when it was reset to before it had changed either, and is aborted then',
  'records the release on both when the worker is killed after the first has it',
]);

/** With DBC_FAULTS=all everything; with any other value the cells whose title it matches, as a regular expression. */
export function chosen(fault: string, moment = ''): boolean {
  const title = `${fault} ${moment}`.trim();
  const wanted = process.env['DBC_FAULTS'];
  if (wanted === undefined) return cells.has(title);
  return wanted === 'all' || new RegExp(wanted).test(title);
}
