/** The commands by which a deploy changes what Compose runs: extended regular expressions of their lines on a host. */
import type { Trace } from './trace.ts';

export const composeBuild = 'docker compose .* build$';
export const composePull = 'docker compose .* pull --quiet --ignore-buildable --policy missing$';
export const composeUp = 'docker compose .* up -d --remove-orphans --no-build$';
/** Of a restore. */
export const composeUpAgain = 'docker compose .* up -d --no-build --remove-orphans$';
/** Of a recovery; neither is a start of the release. */
export const composeRestart = 'docker compose .* restart ';
export const composeRecreate = 'docker compose .* up -d --no-build --no-deps --force-recreate ';

/** How often commands like this one were run by the host's users. */
export const runs = ({ trace }: { trace: Trace }, pattern: RegExp): number =>
  trace.read().filter(({ command }) => pattern.test(command)).length;

export const builds = (host: { trace: Trace }): number => runs(host, new RegExp(`^${composeBuild}`));
export const starts = (host: { trace: Trace }): number => runs(host, new RegExp(`^${composeUp}`));
