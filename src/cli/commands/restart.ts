import type { ExitCode } from '../../contracts/errors.ts';
import { serviceName, targetName } from '../../domain/names.ts';
import { refuseConfigWithoutEmbedded } from '../flags.ts';
import { type ChangeFlags, followChange } from '../follow-change.ts';
import type { Terminal } from '../terminal.ts';

/** `dbc restart`: makes a service anew on every host, in the image that it runs in, and proves that all is well then. */
export async function restart(
  terminal: Terminal,
  target: string,
  service: string,
  flags: ChangeFlags,
): Promise<ExitCode> {
  refuseConfigWithoutEmbedded(flags);
  const services = [serviceName(service)];
  return followChange(terminal, targetName(target), flags, ({ client }, request, options) =>
    client.startRestart({ ...request, services }, options),
  );
}
