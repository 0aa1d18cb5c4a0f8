import { isDeepStrictEqual } from 'node:util';
import type { HostTask } from '../../src/contracts/activities.ts';
import type { Release } from '../../src/contracts/host.ts';
import type { TargetConfig } from '../../src/contracts/target.ts';
import { Model, newSha, oldSha, release } from '../workflow/model.ts';
import type { Case, HostSetup } from './case.ts';
import type { Clock } from './clock.ts';
import { Host, type Kept } from './host/host.ts';
import { type MachineState, plain, type Sick, services } from './host/machine.ts';
import type { Answer } from './temporal/activity-task.ts';
import { Script } from './worker/script.ts';

/** Commits: an earlier release, what a dead deploy wanted, what a thief puts there. */
export const earlierSha = 'a'.repeat(40);
export const deadSha = 'd'.repeat(40);
export const thiefSha = 'e'.repeat(40);
export const fixSha = '3'.repeat(40);
export { newSha, oldSha };

/** The hosts of one case, what is known of them outside, and what happened. */
export class World {
  readonly clock: Clock;
  readonly scenario: Case;
  readonly script: Script;
  readonly target: TargetConfig;
  readonly hosts: Host[];
  /** What each host was before anybody touched it: where the way back leads. */
  readonly before = new Map<string, MachineState>();
  readonly atStart = new Map<string, MachineState>();
  readonly quarantinedAtStart = new Map<string, Set<string>>();
  readonly answers: { step: string; host: string; at: number; answer: Answer }[] = [];
  readonly robbedAt = new Map<string, number>();
  /** Hosts with unfinished work, seen when the next deploy begins. */
  readonly leftHalfChanged = new Set<string>();
  readonly log: string[] = [];
  /** Deploys that run, as Temporal knows it: one that is not closed keeps its lease. */
  readonly running: Set<string>;
  /** It began while what a dead deploy had asked for may still have been at work. */
  readonly atOnce: boolean;
  /** Each Reset begins another one, which knows less of what was done. */
  life = 1;
  /** Hosts that this deploy had given back, before a Reset began it again. */
  readonly givenBeforeReset = new Set<string>();
  /** The run ID of the deploy, once it is known. */
  deploy = '';
  readonly #earlier: World | undefined;

  constructor(scenario: Case, clock: Clock, name: string, earlier?: World) {
    this.clock = clock;
    this.scenario = scenario;
    this.script = new Script(scenario);
    const aliases = scenario.hosts.map((_, index) => `web-${index + 1}`);
    this.target = targetConfig(scenario, aliases, name);
    const sick: Sick = (commit, recovered) => {
      const isSick = (commit === newSha && scenario.newIsSick) || (commit === oldSha && scenario.oldIsSick);
      return (isSick && !isCure(scenario.cure, recovered)) || commit === deadSha;
    };
    this.#earlier = earlier;
    this.atOnce = earlier?.scenario.then?.rested === false;
    this.running = earlier?.running ?? new Set(['living', 'thief']);
    this.hosts =
      earlier?.hosts ??
      scenario.hosts.map((setup, index) => this.#host(new Host(aliases[index] ?? '', clock, sick), setup));
  }

  get wasReset(): boolean {
    return this.life > 1;
  }

  /** Somebody stopped services, in this deploy or before it: nobody owes that they run, or that they do not. */
  get servicesWereStopped(): boolean {
    return this.script.came.has('services stop') || (this.#earlier?.servicesWereStopped ?? false);
  }

  /** The hosts as this deploy has left them, for the next one. */
  next(): World {
    const { kind } = this.scenario.then ?? { kind: 'deploy' };
    const commit = kind === 'deploy' ? 'fix' : 'unnamed';
    const { then: _, ...rest } = this.scenario;
    const next = new World({ ...rest, kind, commit, faults: [], events: [] }, this.clock, this.target.name, this);
    for (const host of this.hosts) {
      const now = host.machine.state();
      next.atStart.set(host.alias, now);
      next.quarantinedAtStart.set(host.alias, new Set(host.quarantined.keys()));
      const left = this.#leavesHalfChanged(host);
      if (left) this.leftHalfChanged.add(host.alias);
      next.before.set(host.alias, (left && this.before.get(host.alias)) || now);
      if (host.lease?.deploy === 'thief') next.robbedAt.set(host.alias, this.clock.now);
    }
    next.log.push(...this.log);
    return next;
  }

  /** Whether a deploy that is over left its work unfinished here; names of images alone do not count. */
  #leavesHalfChanged(host: Host): boolean {
    const before = this.before.get(host.alias);
    const recorded = host.releases.some(({ deploy }) => deploy === this.deploy);
    if (recorded || host.lease?.deploy === 'thief' || before === undefined) return false;
    const seen = (state: MachineState) => {
      const up = this.servicesWereStopped ? [] : state.up;
      return { ...plain(state), tags: {}, up };
    };
    return !isDeepStrictEqual(seen(host.machine.state()), seen(before));
  }

  host({ host }: HostTask): Host {
    return this.hosts[this.indexOf(host.alias)] as Host;
  }

  indexOf(alias: string): number {
    return this.hosts.findIndex((each) => each.alias === alias);
  }

  say(line: string): void {
    this.log.push(`${(this.clock.elapsed / 1000).toFixed(3).padStart(9)} s  ${line}`);
  }

  /** The images of a release: what a build of that commit gives. */
  imagesOf(commit: string): Release['images'] {
    return services.map((service) => ({ service, name: `app-${service}`, id: `${commit}/${service}` }));
  }

  #host(host: Host, setup: HostSetup): Host {
    const { machine } = host;
    machine.finishCheckout(oldSha);
    machine.edits = setup.edits;
    for (const commit of [earlierSha, ...(setup.ran === 'old' ? [oldSha] : [])]) {
      for (const service of services) machine.build(service, commit);
    }
    if (setup.ran === 'nothing') machine.tags.clear();
    else for (const service of services) machine.up(service);
    this.before.set(host.alias, machine.state());
    const known = [earlierSha, ...(setup.ran === 'old' ? [oldSha] : [])];
    host.releases = known.map((sha, day) => ({
      ...release(sha, `2025-12-0${day + 1}T00:00:00.000Z`),
      images: this.imagesOf(sha),
    }));
    if (setup.newIsQuarantined) host.quarantined.set(newSha, 'earlier');
    if (setup.holder === 'living') Object.assign(host, { highest: 3, lease: { number: 3, deploy: 'living' } });
    else if (setup.leftover !== 'none') this.#leaveOver(host, setup);
    else if (setup.holder === 'dead') Object.assign(host, { highest: 3, lease: { number: 3, deploy: 'dead' } });
    this.atStart.set(host.alias, machine.state());
    this.quarantinedAtStart.set(host.alias, new Set(host.quarantined.keys()));
    return host;
  }

  /** A deploy of `deadSha` came so far and died. */
  #leaveOver(host: Host, { leftover, holder }: HostSetup): void {
    const { machine } = host;
    const wanted = leftover === 'inspected' ? {} : { target: deadSha, saved: true };
    host.saved.set('dead', machine.edits);
    const kept: Kept = { snapshot: host.snapshotOf('dead'), ...wanted };
    host.snapshots.set('dead', kept);
    if (holder === 'dead') Object.assign(host, { highest: 3, lease: { number: 3, deploy: 'dead' } });
    if (leftover === 'torn') machine.beginCheckout();
    if (['inspected', 'torn'].includes(leftover)) return;
    machine.finishCheckout(deadSha);
    if (leftover === 'checked out') return;
    const made = leftover === 'half built' ? services.slice(0, 1) : services;
    const images = made.map((service) => machine.build(service, deadSha));
    if (leftover === 'half built') return;
    kept.built = images;
    machine.up('backend');
    if (leftover === 'started') return;
    machine.finishCheckout(oldSha);
    machine.edits = host.saved.get('dead') === true;
  }
}

/** New containers are cured by what cures old ones. */
const isCure = (cure: Case['cure'], recovered: Parameters<Sick>[1]): boolean =>
  recovered !== undefined && (cure === 'restart' || cure === recovered);

function targetConfig(scenario: Case, aliases: string[], name: string): TargetConfig {
  const { target } = new Model(aliases, name);
  const { waitMs, recoveryMs, bakeMs, unreachableMs, restoreMs, graceMs, hooks } = scenario;
  const hook = { run: 'true', timeoutMs: 20_000 };
  return {
    ...target,
    waitMs,
    ...(hooks ? { hooks: { before: hook, after: hook, beforeRollback: hook } } : {}),
    verify: { deadlineMs: 8_000, intervalMs: 1_000, passes: 2 },
    ...(recoveryMs > 0 ? { recoveryMs } : {}),
    ...(bakeMs > 0 ? { bakeMs } : {}),
    timeouts: {
      ...{ inspectMs: 10_000, fetchMs: 10_000, resetMs: 10_000, buildMs: 30_000, startMs: 20_000, recordMs: 30_000 },
      ...{ restoreMs, unreachableMs, graceMs },
    },
  };
}
