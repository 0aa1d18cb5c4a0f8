import type { RestoreVerifyInput } from '../src/contracts/activities.ts';
import type { ChangeEnvRequest, RestartRequest } from '../src/contracts/change-env.ts';
import { ErrorType } from '../src/contracts/errors.ts';
import type { Snapshot } from '../src/contracts/host.ts';
import { count } from '../src/domain/count.ts';
import { DeployError } from '../src/domain/deploy-error.ts';
import { asIfHealthy } from '../src/domain/env-change.ts';
import { shortSha } from '../src/domain/sha.ts';
import { invalidInput, problemOf } from './failure.ts';
import type { HostRun } from './host-run.ts';
import { compensation, remoteStep } from './policies.ts';
import { putBack } from './restore.ts';

/** Somebody may have started the workflow by hand. */
export function checkedEnvRequest(request: ChangeEnvRequest): ChangeEnvRequest {
  const { set = [], unset = [], restart = [], values } = request ?? {};
  const lists = [set, unset, restart].every(
    (list) => Array.isArray(list) && list.every((one) => typeof one === 'string'),
  );
  const valued = typeof values === 'object' && values !== null && ('sealed' in values || 'token' in values);
  if (lists && valued && set.length + unset.length > 0) return { ...request, set, unset, restart };
  throw invalidInput(
    'expected {"target": …, "set": […], "unset": […], "restart": […], "values": …} as the input, as `dbc env set` sends it',
  );
}

/** A restart is a change of no variable, so that services are made anew, proven and put back in one way. */
export function checkedRestart({ services, ...request }: RestartRequest): ChangeEnvRequest {
  const named = Array.isArray(services) && services.length > 0 && services.every((one) => typeof one === 'string');
  if (named) return { ...request, set: [], unset: [], restart: services, values: { sealed: [] } };
  throw invalidInput('expected {"target": …, "services": […]} as the input, as `dbc restart` sends it');
}

/** What `dbc env set` and `dbc restart` do to one host: the file, then the services that are to read it, then the proof. */
export async function changeEnvOn(run: HostRun, request: ChangeEnvRequest): Promise<void> {
  const { alias, progress, snapshot } = run;
  const { restart } = request;
  refuseUnfit(run, restart);
  const changed = changesFile(request) ? await changeFile(run, request) : false;
  run.unchanged = !changed && restart.length === 0;

  if (restart.length > 0) {
    await restartOn(run, restart);
  } else {
    const goOn = changed ? 'nothing was asked to; services go on with what they had read' : undefined;
    progress.step(alias, 'restart', 'skipped', goOn);
  }
  const demanded = changesFile(request) ? snapshot : { ...snapshot, runtime: asIfHealthy(snapshot.runtime, restart) };
  await verifyOn(run, demanded);
}

const changesFile = ({ set, unset }: ChangeEnvRequest): boolean => set.length + unset.length > 0;

/** @returns whether the file said anything else before */
async function changeFile(run: HostRun, { set, unset, values }: ChangeEnvRequest): Promise<boolean> {
  const { target, alias, progress } = run;
  // From here on the host has to be put back if anything goes wrong.
  run.arm('change');
  progress.unproven(alias);
  const names = [...set, ...unset].join(', ');
  const { changed, warnings } = await run
    .step(
      'change',
      () =>
        remoteStep(target, target.timeouts.resetMs, `${alias}: ${target.env?.file ?? 'env file'}: ${names}`).changeEnv({
          ...run.leased,
          set,
          unset,
          values,
        }),
      (done) => (done.changed ? names : 'the file says so already'),
    )
    .catch((error: unknown) => {
      if (refusals.has(problemOf(error).type)) leaveAlone(run);
      throw error;
    });
  progress.warn(alias, warnings);
  return changed;
}

async function restartOn(run: HostRun, services: string[]): Promise<void> {
  const { target, alias, progress, snapshot } = run;
  run.arm('restart');
  progress.unproven(alias);
  await run.step(
    'restart',
    () =>
      remoteStep(target, target.timeouts.startMs, `${alias}: recreate ${services.join(', ')}`).restartServices({
        ...run.leased,
        snapshot,
        services,
      }),
    () => services.join(', '),
  );
}

async function verifyOn(run: HostRun, snapshot: Snapshot): Promise<void> {
  const { target, alias, progress } = run;
  const verified = await run.step(
    'verify',
    () =>
      remoteStep(target, target.verify.deadlineMs, `${alias}: HEAD, services, health`).verifyChange({
        ...asBefore(run, 0),
        snapshot,
      }),
    ({ services, rules }) => `${count(services.length, 'service')}, ${count(rules.length, 'health rule')}`,
  );
  const { sha, rules, services } = verified;
  Object.assign(progress.host(alias), { now: sha, verified: true, rules, services });
  progress.warn(alias, verified.warnings);
}

/** The host's file was not touched then. Should an earlier attempt have done it, the host says so when the lease is given back. */
function leaveAlone(run: HostRun): void {
  run.attempted.delete('change');
  run.progress.host(run.alias).now = run.inspected.head;
}

const refusals = new Set<ErrorType>([ErrorType.InvalidInput, ErrorType.PreflightFailed]);

/** The compensation: the old file byte by byte, and every service that may have read the new one, or was made anew. */
export function restoreEnvOn(run: HostRun, request: ChangeEnvRequest): Promise<void> {
  const { restart } = request;
  const ofFile = changesFile(request);
  return putBack(run, {
    leaves: () =>
      ofFile
        ? "The env file as it was is .git/deploy-by-commit/env-previous in the host's repository."
        : `\`dbc services ${run.target.name}\` shows what runs.`,
    once: async (pass, time) => {
      const { alias, progress, snapshot } = run;
      const part = (what: string) => compensation(time.giveUpAt - Date.now(), `${alias}: ${what}`);
      run.numberIsUnsure = true;
      const { number } = await part('take the lease again').retakeLease(run.leased);
      Object.assign(run, { number, numberIsUnsure: false });
      // A change that was forgotten in a Reset may have come to the restart.
      const services = run.attempted.has('restart') || run.attempted.has('reset') ? restart : [];
      const { kept } = await part(ofFile ? 'put the env file back' : `recreate ${restart.join(', ')}`).restoreEnv({
        ...asBefore(run, pass),
        services,
        ...(ofFile ? {} : { fileUntouched: true }),
      });
      const {
        sha,
        rules,
        services: views,
        warnings,
      } = await part(`verify ${shortSha(snapshot.sha)}`).verifyRestored(asBefore(run, pass));
      Object.assign(progress.host(alias), { now: sha, verified: true, rules, services: views });
      const edited = kept === undefined ? [] : [`the env file was edited by hand meanwhile; that is kept as ${kept}`];
      progress.warn(alias, [...warnings, ...edited]);
      return ofFile ? 'the old env file is back, verified' : 'made anew once more; all runs as before, verified';
    },
  });
}

/** Checkout and images were never touched, and services are not looked after beyond those that were recreated. */
const asBefore = (run: HostRun, pass: number): RestoreVerifyInput => ({
  ...run.leased,
  snapshot: run.snapshot,
  failedSha: run.snapshot.sha,
  buildAttempted: false,
  startAttempted: true,
  rebuilt: [],
  pass,
});

function refuseUnfit({ target, alias, inspected }: HostRun, restart: string[]): void {
  const { adoptedFrom, services } = inspected;
  if (adoptedFrom !== undefined) {
    throw new DeployError(
      'PreflightFailed',
      `${alias}: deploy ${adoptedFrom} never finished and left the host half changed.`,
      { hint: `Put that in order first: \`dbc rollback ${target.name}\`, or deploy a commit.` },
    );
  }
  const unknown = restart.filter((service) => !services.some((view) => view.service === service));
  if (unknown.length === 0 || target.runtime.kind !== 'compose') return;
  throw new DeployError('InvalidInput', `${alias} has no service ${unknown.join(', ')}.`, {
    hint: `There are: ${services.map(({ service }) => service).join(', ')}. Nothing was changed.`,
  });
}
