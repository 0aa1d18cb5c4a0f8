import { ExitCode } from '../../contracts/errors.ts';
import { DeployError } from '../../domain/deploy-error.ts';
import { withSession } from '../session.ts';
import type { OutputFlags, Terminal } from '../terminal.ts';

/** `dbc setup`: registers the search attributes; safe to repeat. */
export function setup(terminal: Terminal, flags: OutputFlags): Promise<ExitCode> {
  return withSession(terminal, flags, async ({ client }) => {
    const { added, missing, present, wrongType } = await client.setup().catch((error: unknown) => {
      if (!/permission|unauthorized|not authorized/i.test(String(error))) throw error;
      throw new DeployError('InvalidInput', `Temporal at ${client.address} lets this client register nothing.`, {
        hint: 'Register DeployTarget, DeployCommit, DeployPhase, DeployOutcome and DeployActor as Keyword in its UI.',
      });
    });
    if (terminal.json) {
      terminal.printJson({ address: client.address, namespace: client.namespace, added, present, missing, wrongType });
    } else {
      const done = added.length > 0 ? `registered ${added.join(', ')}` : 'everything was there already';
      terminal.print(`Temporal at ${client.address}, namespace ${client.namespace}: ${done}.`);
    }
    if (wrongType.length === 0 && missing.length === 0) return ExitCode.succeeded;
    throw new DeployError(
      'InvalidInput',
      wrongType.length > 0
        ? `expected search attributes of type Keyword; found another type for ${wrongType.join(', ')}`
        : `Temporal does not know ${missing.join(', ')} yet`,
      { hint: wrongType.length > 0 ? 'Remove them from the namespace, or use another one.' : 'Try again in a moment.' },
    );
  });
}
