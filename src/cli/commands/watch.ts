import { NoDeploy } from '../../client/errors.ts';
import type { ExitCode } from '../../contracts/errors.ts';
import { actor } from '../actor.ts';
import { cleaned } from '../clean.ts';
import type { TemporalFlags } from '../flags.ts';
import { conclude, followDeploy } from '../follow-deploy.ts';
import { Interruption } from '../interruption.ts';
import { withSession } from '../session.ts';
import type { Terminal } from '../terminal.ts';

/** `dbc watch`: follows a deploy that somebody has started; of one that has ended, says how. */
export function watch(terminal: Terminal, target: string, flags: TemporalFlags): Promise<ExitCode> {
  return withSession(terminal, flags, async (session) => {
    const found = await session.client.progress(target);
    if (!found) throw new NoDeploy(`Temporal knows no deploy of ${target}.`, { unknown: true });
    const status = cleaned(found);
    if (!status.open) return conclude(terminal, session, status.ref, { last: status });
    const mode = session.embedded ? 'abort' : 'leave';
    const { client, embedded } = session;
    const interruption = new Interruption({ client, mode, by: actor(process.env), embedded });
    try {
      return await followDeploy(terminal, session, status.ref, interruption, mode);
    } finally {
      interruption.dispose();
    }
  });
}
