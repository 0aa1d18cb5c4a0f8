import type {
  AskInput,
  BakeInput,
  BuildInput,
  DeployActivities,
  DiagnoseInput,
  FetchInput,
  HookInput,
  HostTask,
  InspectInput,
  LeasedTask,
  RecordDrillInput,
  Recorded,
  RecordInput,
  Recovered,
  RecoverInput,
  Released,
  ReleaseLeaseInput,
  ResetInput,
  RestoredCheckout,
  RestoreInput,
  RestoreVerified,
  RestoreVerifyInput,
  Retaken,
  StartInput,
  VerifyInput,
} from '../src/contracts/activities.ts';
import type {
  ChangeEnvInput,
  EnvChanged,
  RestartInput,
  RestoredEnv,
  RestoreEnvInput,
} from '../src/contracts/change-env.ts';
import type { Diagnosis } from '../src/contracts/diagnosis.ts';
import type { NotifyInput } from '../src/contracts/notification.ts';
import { DeployError } from '../src/domain/deploy-error.ts';
import { answer } from './ask.ts';
import { bake } from './bake.ts';
import { changeEnv, restartServices, restoreEnv, verifyChange } from './change-env.ts';
import { checkHost } from './check-host.ts';
import type { Deps } from './deps.ts';
import { hook } from './hook.ts';
import { inspect } from './inspect.ts';
import { notify } from './notify.ts';
import { record } from './record.ts';
import { recordDrill } from './record-drill.ts';
import { diagnoseRelease, recover } from './recover.ts';
import { restoreCheckout, restoreImages, restoreServices } from './restore.ts';
import { failureOf, type Run, runId, runStep } from './run.ts';
import { retakeLease } from './ssh/lease.ts';
import { build, fetch, releaseLease, reset, start } from './steps.ts';
import { verify, verifyRestored } from './verify.ts';

/** The activities of a worker. Each is one step; what all of them share is in `run.ts`. */
export function createActivities(deps: Deps): DeployActivities {
  const { program } = deps;
  const forward =
    <I extends LeasedTask | InspectInput, R>(step: (deps: Deps, input: I, run: Run) => Promise<R>) =>
    (input: I) =>
      runStep(deps, input, 'step', (run) => step(deps, input, run));
  const compensating =
    <I extends LeasedTask, R>(step: (deps: Deps, input: I, run: Run) => Promise<R>) =>
    (input: I) =>
      runStep(deps, input, 'compensation', (run) => step(deps, input, run));

  return {
    loadTarget: (name: string) =>
      deps.loadTarget(name).catch((error: unknown) => {
        throw error instanceof DeployError ? failureOf(error, false) : error;
      }),
    inspect: forward<InspectInput, Awaited<ReturnType<typeof inspect>>>(inspect),
    fetch: forward<FetchInput, Awaited<ReturnType<typeof fetch>>>(fetch),
    reset: forward<ResetInput, Awaited<ReturnType<typeof reset>>>(reset),
    build: forward<BuildInput, Awaited<ReturnType<typeof build>>>(build),
    hook: forward<HookInput, void>(hook),
    start: forward<StartInput, void>(start),
    verify: forward<VerifyInput, Awaited<ReturnType<typeof verify>>>(verify),
    diagnose: forward<DiagnoseInput, Diagnosis>(diagnoseRelease),
    recover: forward<RecoverInput, Recovered>(recover),
    bake: forward<BakeInput, Awaited<ReturnType<typeof bake>>>(bake),
    record: compensating<RecordInput, Awaited<ReturnType<typeof record>>>(record),
    recordDrill: compensating<RecordDrillInput, Recorded>(recordDrill),
    retakeLease: compensating<LeasedTask, Retaken>((_deps, input) => retakeLease(program, input, runId())),
    restoreCheckout: compensating<RestoreInput, RestoredCheckout>(restoreCheckout),
    restoreImages: compensating<RestoreInput, { rebuilt: string[] }>(restoreImages),
    restoreServices: compensating<RestoreInput, void>(restoreServices),
    verifyRestored: compensating<RestoreVerifyInput, Awaited<ReturnType<typeof verifyRestored>>>(verifyRestored),
    // A host that refuses us will go on refusing: only one that cannot be reached is tried again.
    releaseLease: forward<ReleaseLeaseInput, Released>(releaseLease),
    changeEnv: forward<ChangeEnvInput, EnvChanged>(changeEnv),
    restartServices: forward<RestartInput, void>(restartServices),
    verifyChange: forward<RestoreVerifyInput, RestoreVerified>(verifyChange),
    restoreEnv: compensating<RestoreEnvInput, RestoredEnv>(restoreEnv),
    checkHost: (input: HostTask) => runStep(deps, input, 'step', (run) => checkHost(deps, input, run)),
    listSchedules: () => deps.listSchedules(),
    ask: (input: AskInput) => runStep(deps, input, 'step', (run) => answer(deps, input, run)),
    notify: (input: NotifyInput) => notify(deps, input),
  };
}
