import type { NewValues } from '../../contracts/change-env.ts';
import { ErrorType, type ExitCode } from '../../contracts/errors.ts';
import { DeployError } from '../../domain/deploy-error.ts';
import { serviceName, targetName } from '../../domain/names.ts';
import { refuseConfigWithoutEmbedded } from '../flags.ts';
import { type ChangeFlags, followChange } from '../follow-change.ts';
import { checkedNames, readChange, type WantedChange } from '../new-values.ts';
import type { Session } from '../session.ts';
import type { Terminal } from '../terminal.ts';

export interface EnvSetFlags extends ChangeFlags {
  restart: string[];
  unset?: boolean | undefined;
  stdin?: boolean | undefined;
}

/** `dbc env set`: changes variables of the env file on every host, or leaves every host as it was. */
export async function envSet(
  terminal: Terminal,
  target: string,
  names: readonly string[],
  flags: EnvSetFlags,
): Promise<ExitCode> {
  refuseConfigWithoutEmbedded(flags);
  targetName(target);
  const restart = [...new Set(flags.restart.map(serviceName))];
  const how = { unset: flags.unset ?? false, stdin: flags.stdin ?? false };
  checkedNames(names, how);
  // Told before anybody has typed a secret in vain.
  if (!flags.embedded && !how.unset) await refuseWithoutKey();
  const change = await readChange(names, how);
  return followChange(terminal, target, flags, (session, request, options) =>
    session.client.startEnvChange(
      { ...request, set: change.set, unset: change.unset, restart, values: handOver(session, change) },
      options,
    ),
  );
}

/** The values stay in this process where its worker does the work; else they go encrypted, or not at all. */
function handOver({ client, keep }: Session, { values }: WantedChange): NewValues {
  if (values.length === 0) return { sealed: [] };
  if (keep) return { token: keep(values) };
  if (client.encrypts) return { sealed: values };
  throw new DeployError(
    ErrorType.InvalidInput,
    'The worker of this embedded Temporal is another process, so the value would have to be stored in its database, and no payload key is there to encrypt it.',
    { hint: 'End the other process (`dbc serve --dev`, or a deploy), or set DBC_PAYLOAD_KEY for both.' },
  );
}

async function refuseWithoutKey(): Promise<void> {
  const { makeKeyHint, payloadKeys } = await import('../../codec/payload-keys.ts');
  if (payloadKeys(process.env).length > 0) return;
  throw new DeployError(
    ErrorType.InvalidInput,
    'Without a payload key the value would be stored in Temporal for everybody to read who can read histories.',
    { hint: `${makeKeyHint} Or use --embedded: the value then never leaves this process but for the host.` },
  );
}
