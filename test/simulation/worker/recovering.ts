/** `diagnose` and the rungs of a recovery on modelled hosts, as in `activities/recover.ts`. */
import type { Diagnosis } from '../../../src/contracts/diagnosis.ts';
import type { Service } from '../host/machine.ts';
import { commandOf } from './commands.ts';
import type { Steps } from './steps.ts';

export const recovering: Steps<'diagnose' | 'recover'> = {
  async diagnose(run, world, input) {
    const host = world.host(input);
    await run.call(host, () => host.requireLease(input));
    const seen = () => ({ head: host.machine.head, failing: host.machine.failing() });
    const { head, failing } = await run.call(host, seen, { stoppable: true });
    const [service] = failing;
    const mode = head !== input.sha ? 'git-state-mismatch' : service ? 'health-check-fails' : 'unknown';
    const diagnosis: Diagnosis = { mode, finding: 'seen', next: 'look', evidence: [], failing };
    return service ? { ...diagnosis, service } : diagnosis;
  },

  async recover(run, world, input) {
    const host = world.host(input);
    const { machine } = host;
    const { rung, index, deadlineMs } = input;
    const name = `recover-${index}-${rung.rung}`;
    if (rung.rung === 'reset-head') {
      const half = () => machine.beginCheckout();
      const done = () => machine.finishCheckout(input.sha) ?? true;
      await run.job(host, input, name, 'fail', () => commandOf(world, input, 'recover', { ms: 400, half, done }));
      return { kept: [] };
    }
    const services = rung.services as Service[];
    const act = (service: Service | undefined): boolean => {
      if (service === undefined) return true;
      return rung.rung === 'recreate' ? machine.recreate(service) : (machine.restart(service) ?? true);
    };
    const does = { ms: 2_000, half: () => act(services[0]), done: () => services.every(act) };
    await run.job(host, input, name, 'fail', () => ({ ...commandOf(world, input, 'recover', does), deadlineMs }));
    return { kept: [] };
  },
};
