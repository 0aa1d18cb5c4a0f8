/** `verify` and `verifyRestored` on modelled hosts, as in `activities/verify.ts` and with the same judgment of services. */
import { runtimeFor } from '../../../activities/deps.ts';
import type { RestoreVerifyInput, VerifyInput } from '../../../src/contracts/activities.ts';
import type { RuleView, ServiceView } from '../../../src/contracts/deploy.ts';
import { DeployError } from '../../../src/domain/deploy-error.ts';
import type { World } from '../world.ts';
import type { Attempt } from './attempt.ts';
import { restoring } from './restoring.ts';
import { look, pruned, type Steps } from './steps.ts';

type Seen = ReturnType<typeof look>;

interface Judged {
  services: ServiceView[];
  faults: string[];
}

export const verifying: Steps<'verify' | 'bake' | 'verifyRestored'> = {
  async verify(run, world, input) {
    const { sha, snapshot, images, target } = input;
    const runtime = runtimeFor(target.runtime);
    const { seen, services } = await untilSteady(run, world, input, (now) => {
      const judged = runtime.judge(now.state, { reference: snapshot.runtime, images });
      return judge(now, judged, now.head === sha ? [] : [`HEAD is ${now.head}`], () => false);
    });
    const unchanged =
      snapshot.sha === sha &&
      snapshot.deploy === input.deploy &&
      snapshot.manualChanges.length === 0 &&
      runtime.unchanged(snapshot.runtime, seen.state.runtime);
    return { sha, rules: seen.rules, services, unchanged };
  },

  async bake(run, world, input) {
    const { sha, snapshot, images, target, bakeMs } = input;
    const host = world.host(input);
    const { intervalMs, passes } = target.verify;
    const began = world.clock.now;
    for (let failed = 0, blips = 0; ; ) {
      const underLease = () => {
        host.requireLease(input);
        return look(host);
      };
      const seen = await run.call(host, underLease, { stoppable: true });
      const views = runtimeFor(target.runtime).judge(seen.state, { reference: snapshot.runtime, images });
      const head = seen.head === sha ? [] : [`HEAD is ${seen.head}`];
      const { services, faults } = judge(seen, views, head, () => false);
      run.say();
      failed = faults.length === 0 ? 0 : failed + 1;
      blips += faults.length === 0 ? 0 : 1;
      const watchedMs = world.clock.now - began;
      if (failed === 0 && watchedMs >= bakeMs) return { rules: seen.rules, services, watchedMs, blips };
      if (failed >= passes) {
        const type = seen.bootId === snapshot.bootId ? 'HealthCheckFailed' : 'CommandFailed';
        throw new DeployError(type, `${host.alias} is not healthy: ${faults.join('; ')}`);
      }
      await run.pause(intervalMs);
    }
  },

  async verifyRestored(run, world, input) {
    const { snapshot, rebuilt, target } = input;
    const host = world.host(input);
    const runtime = runtimeFor(target.runtime);
    if (!input.startAttempted) await restoring.restoreServices(run, world, input);
    const failedBefore = (rule: string) => snapshot.baseline.some((each) => each.rule === rule && !each.passed);
    const { seen, services } = await untilSteady(run, world, input, (now) => {
      const inPlace = host.machine.tree === snapshot.sha && host.machine.edits === host.saved.get(snapshot.deploy);
      const faults = [
        ...(now.head === snapshot.sha ? [] : [`HEAD is ${now.head}`]),
        ...(!host.saved.has(snapshot.deploy) || inPlace ? [] : ['the manual changes are not back in place']),
      ];
      return judge(now, runtime.judgeRestored(now.state, snapshot.runtime, rebuilt), faults, failedBefore);
    });
    const name = `restore-${input.pass}-prune`;
    const warnings = input.buildAttempted ? await pruned(run, world, input, name) : [];
    return { sha: snapshot.sha, rules: seen.rules, services, warnings };
  },
};

async function untilSteady(
  run: Attempt,
  world: World,
  input: VerifyInput | RestoreVerifyInput,
  judged: (seen: Seen) => Judged,
): Promise<{ seen: Seen; services: ServiceView[] }> {
  const host = world.host(input);
  const { deadlineMs, intervalMs, passes } = input.target.verify;
  const giveUpAt = world.clock.now + deadlineMs;
  for (let passed = 0; ; ) {
    const underLease = () => {
      host.requireLease(input);
      return look(host);
    };
    const seen = await run.call(host, underLease, { stoppable: true });
    const { services, faults } = judged(seen);
    passed = faults.length === 0 ? passed + 1 : 0;
    run.say();
    if (passed >= passes) return { seen, services };
    if (faults.length > 0 && world.clock.now >= giveUpAt) {
      const rebooted = 'sha' in input && seen.bootId !== input.snapshot.bootId;
      const type = rebooted ? 'CommandFailed' : 'HealthCheckFailed';
      throw new DeployError(type, `${host.alias} is not healthy: ${faults.join('; ')}`);
    }
    await run.pause(intervalMs);
  }
}

function judge(now: Seen, services: ServiceView[], faults: string[], excused: (rule: string) => boolean): Judged {
  return {
    services,
    faults: [
      ...faults,
      ...services.filter(({ healthy }) => !healthy).map(({ service, note }) => `${service}: ${note}`),
      ...now.rules.filter(({ passed, rule }: RuleView) => !passed && !excused(rule)).map(({ rule }) => rule),
    ],
  };
}
