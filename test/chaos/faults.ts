/** What may happen to a lane while it deploys. Each is over by itself, or after `heal`. */
import { setTimeout as lasting } from 'node:timers/promises';
import type { WorkerProcess } from '../lab/worker-process.ts';
import { type Lane, stateFolder } from './lane.ts';
import type { FaultKind } from './plan.ts';

interface Fault {
  /** Returns more to tell, if there is. */
  strike(lane: Lane, host: number): Promise<unknown>;
  /** After it has lasted; absent when it is over at once. */
  heal?(lane: Lane, host: number): Promise<void>;
  /** What may wait for this fault to be over must not keep it from ending. */
  healsAtOnce?: true;
}

const ec2 = (lane: Lane, host: number) => lane.hosts[host] ?? (lane.hosts[0] as Lane['hosts'][number]);
const onHost = (lane: Lane, host: number, command: string) => ec2(lane, host).sh(command);

/** Finds the remote job that runs, if one does; `members '!='` are its processes without the supervisor. */
const ofJob = `session=
find_job() {
  local job leader boot
  for job in ${stateFolder}/jobs/*/; do
    [ -f "$job/started" ] && ! [ -f "$job/status" ] && read -r leader _ boot <"$job/pid" || continue
    [ "$boot" != "$(cat /proc/sys/kernel/random/boot_id)" ] || session=$leader name=$(basename "$job")
  done
  [ -n "$session" ]
}
# The one that a step has just asked for may come in a moment.
for _ in {1..40}; do find_job && break; sleep 0.05; done
[ -n "$session" ] || { echo 'no command runs'; exit 0; }
members() { ps -eo pid=,sid= | awk -v s="$session" "\\$2 == s && \\$1 $1 s { print \\$1 }"; }
`;

const frozen = new Map<Lane, WorkerProcess[]>();

async function freezeWorkers(lane: Lane): Promise<void> {
  for (const worker of lane.workers) worker.freeze();
  frozen.set(lane, [...lane.workers]);
}

async function thawWorkers(lane: Lane): Promise<void> {
  for (const worker of frozen.get(lane) ?? []) worker.thaw();
  frozen.delete(lane);
}

export const faults: Record<FaultKind, Fault> = {
  'worker killed': {
    async strike(lane) {
      await lane.endWorkers(lane.workers, 'kill9');
      await lane.startWorker();
    },
  },
  'worker killed beside another': {
    async strike(lane) {
      const old = [...lane.workers];
      await lane.startWorker();
      await lane.endWorkers(old, 'kill9');
    },
  },
  'worker stopped': {
    async strike(lane) {
      // One that is frozen would never come to its end.
      await thawWorkers(lane);
      await lane.endWorkers(lane.workers, 'stop');
      await lane.startWorker();
    },
  },
  'worker frozen': { strike: freezeWorkers, heal: thawWorkers, healsAtOnce: true },
  'worker frozen beside another': {
    async strike(lane) {
      await freezeWorkers(lane);
      await lane.startWorker();
    },
    heal: thawWorkers,
    healsAtOnce: true,
  },
  'SSH connections reset': {
    async strike(lane, host) {
      await onHost(lane, host, `ps -eo pid=,args= | awk '/sshd: ubuntu/ { print $1 }' | xargs -r kill -9`);
    },
  },
  'network cut': {
    strike: (lane, host) => ec2(lane, host).cut(),
    heal: (lane, host) => ec2(lane, host).heal(),
  },
  'host rebooted': { strike: (lane, host) => ec2(lane, host).reboot() },
  'sshd restarted': { strike: (lane, host) => ec2(lane, host).restart('sshd') },
  'dockerd restarted': {
    async strike(lane, host) {
      // One that is stopped would not take the signal.
      await onHost(lane, host, 'kill -CONT $(cat /run/docker.pid)');
      await ec2(lane, host).restart('docker');
    },
  },
  'dockerd frozen': {
    async strike(lane, host) {
      await onHost(lane, host, 'kill -STOP $(cat /run/docker.pid)');
    },
    async heal(lane, host) {
      await onHost(lane, host, 'kill -CONT $(cat /run/docker.pid)');
    },
  },
  'Temporal killed': {
    async strike({ temporal }) {
      await temporal.kill9();
      await temporal.restart();
    },
  },
  'Temporal frozen': {
    async strike({ temporal }) {
      process.kill(temporal.pid, 'SIGSTOP');
    },
    async heal({ temporal }) {
      process.kill(temporal.pid, 'SIGCONT');
    },
    healsAtOnce: true,
  },
  'command killed': {
    strike: (lane, host) => onHost(lane, host, `${ofJob}kill -9 $(members '!='); echo "$name"`),
  },
  'command stopped': {
    strike: (lane, host) => onHost(lane, host, `${ofJob}kill -STOP $(members '!='); echo "$name"`),
    async heal(lane, host) {
      await onHost(lane, host, `${ofJob}kill -CONT $(members '!=') 2>/dev/null; true`);
    },
  },
  'supervisor killed': {
    strike: (lane, host) => onHost(lane, host, `${ofJob}kill -9 "$session"; echo "$name"`),
  },
  'disk full': {
    async strike(lane, host) {
      await onHost(
        lane,
        host,
        `fallocate -l "$(df --output=avail -k /home | tail -n 1)K" /home/full; dd if=/dev/zero of=/home/fuller bs=64K 2>/dev/null; true`,
      );
    },
    async heal(lane, host) {
      await onHost(lane, host, 'rm -f /home/full /home/fuller');
    },
  },
};

/** Whatever a round did: everything is healed, and one worker runs, which had time to do what it still had in mind. */
export async function healAll(lane: Lane): Promise<void> {
  process.kill(lane.temporal.pid, 'SIGCONT');
  for (const [index, host] of lane.hosts.entries()) {
    host.gates.openAll();
    await host.heal();
    if (lane.stage !== 'commands') await faults['dockerd frozen'].heal?.(lane, index);
    await faults['disk full'].heal?.(lane, index);
  }
  if (frozen.has(lane)) {
    await thawWorkers(lane);
    await lasting(1500);
  }
  await lane.endWorkers(lane.workers.slice(0, -1), 'kill9');
  if (lane.workers.length === 0) await lane.startWorker();
}
