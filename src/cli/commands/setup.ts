import { TemporalUnavailable } from '../../client/errors.ts';
import type { DeployClient, ScheduleChanges } from '../../client/index.ts';
import { ExitCode } from '../../contracts/errors.ts';
import { DeployError } from '../../domain/deploy-error.ts';
import { type Session, withSession } from '../session.ts';
import type { OutputFlags, Terminal } from '../terminal.ts';

/** `dbc setup`: registers the search attributes, and makes the schedules what the worker's config says; safe to repeat. */
export function setup(terminal: Terminal, flags: OutputFlags): Promise<ExitCode> {
  return withSession(terminal, flags, async (session) => {
    const { client } = session;
    const { added, missing, present, wrongType } = await client.setup().catch((error: unknown) => {
      if (!/permission|unauthorized|not authorized/i.test(String(error))) throw error;
      throw new DeployError('InvalidInput', `Temporal at ${client.address} lets this client register nothing.`, {
        hint: 'Register DeployTarget, DeployCommit, DeployPhase, DeployOutcome and DeployActor as Keyword in its UI.',
      });
    });
    const complete = wrongType.length === 0 && missing.length === 0;
    const schedules = complete ? await schedulesOf(session) : undefined;
    if (terminal.json) {
      const { address, namespace } = client;
      terminal.printJson({
        ...{ address, namespace, added, present, missing, wrongType },
        ...(schedules === undefined ? {} : { schedules }),
      });
    } else {
      const done = added.length > 0 ? `registered ${added.join(', ')}` : 'everything was there already';
      terminal.print(`${placeOf(client)}: ${done}.`, ...(schedules ? scheduleLines(schedules) : []));
    }
    if (complete && !schedules) terminal.warn(noWorker);
    if (complete) return ExitCode.succeeded;
    throw new DeployError(
      'InvalidInput',
      wrongType.length > 0
        ? `expected search attributes of type Keyword; found another type for ${wrongType.join(', ')}`
        : `Temporal does not know ${missing.join(', ')} yet`,
      { hint: wrongType.length > 0 ? 'Remove them from the namespace, or use another one.' : 'Try again in a moment.' },
    );
  });
}

const noWorker =
  'No worker answers, so what its config has to be scheduled is not known, and no schedule was changed. Once `dbc serve` runs: `dbc setup` again.';

const placeOf = ({ address, namespace }: DeployClient): string => `Temporal at ${address}, namespace ${namespace}`;

/** The config is the worker's; without one the namespace is set up all the same. */
async function schedulesOf({ client, answerWithinMs }: Session): Promise<ScheduleChanges | undefined> {
  if (!(await client.isWorkerPolling())) return undefined;
  try {
    return await client.setupSchedules({ answerWithinMs: answerWithinMs() });
  } catch (error) {
    if (error instanceof TemporalUnavailable) return undefined;
    throw error;
  }
}

/** What became of each schedule; of one that was there already, that it is what the config says. */
export function scheduleLines({ created, updated, removed }: ScheduleChanges): string[] {
  const line = (what: string, ids: string[]) => (ids.length > 0 ? [`Schedules ${what}: ${ids.join(', ')}.`] : []);
  return [...line('created', created), ...line('as configured', updated), ...line('removed', removed)];
}
