/** What `dbc plan` foretold, and what a deploy then ran: the jobs on the host, byte by byte. */
import type { HostPlan } from '../../src/contracts/plan.ts';
import { plannedDeploy } from '../../src/contracts/plan.ts';

/** Job → script. */
export type Jobs = Record<string, string>;

/** @param which `restore`: what would follow a failure too */
export const foretold = ({ steps, restore }: HostPlan, which?: 'restore'): Jobs =>
  Object.fromEntries(
    [...steps, ...(which === 'restore' ? restore : [])]
      .flatMap(({ commands }) => commands)
      .flatMap(({ job, script }) => (job === undefined ? [] : [[job, script]])),
  );

/**
 * The jobs of a deploy in the order in which they began, with what no plan can know in the plan's words: the deploy's ID and
 * the IDs of the images that were built.
 *
 * @param onHost runs a command on the host
 */
export async function ranBy(
  deploy: string,
  repository: string,
  onHost: (command: string) => Promise<string>,
  images: readonly { service: string; id: string }[] = [],
): Promise<Jobs> {
  const listed = await onHost(
    `cd ${repository}/.git/deploy-by-commit/jobs && for job in $(ls -dtr --time=birth ${deploy}.*.0); do echo "$job $(base64 -w0 $job/command)"; done`,
  );
  return Object.fromEntries(
    listed
      .trim()
      .split('\n')
      .map((line) => {
        const [job = '', command = ''] = line.split(' ');
        const name = job.slice(deploy.length + 1, -'.0'.length);
        // Only what is recorded names images that were built.
        return [name, inWordsOfPlan(command, deploy, name === 'record' ? images : [])];
      }),
  );
}

function inWordsOfPlan(command: string, deploy: string, images: readonly { service: string; id: string }[]): string {
  const script = Buffer.from(command, 'base64').toString('utf8');
  const named = images.reduce((text, { service, id }) => text.replaceAll(id, `IMAGE-OF-${service}`), script);
  // Names of images hold the beginning of it.
  return named.replaceAll(deploy, plannedDeploy).replaceAll(deploy.slice(0, 13), plannedDeploy);
}
