import type { ServiceView } from '../../src/contracts/deploy.ts';
import type { ComposeSnapshot, ContainerState, RuntimeSnapshot } from '../../src/contracts/host.ts';
import type { ComposeRuntimeConfig } from '../../src/contracts/target.ts';
import { judgeServices } from '../../src/domain/compose-state.ts';
import { quote, quoteAll } from '../../src/domain/shell-quote.ts';
import { observeScript, parseObservation } from './compose-observe.ts';
import { recoverScript } from './compose-recover.ts';
import { note } from './note.ts';
import type {
  BuildContext,
  Images,
  RecordContext,
  RenewContext,
  RestoreContext,
  Runtime,
  RuntimeState,
  StepContext,
} from './port.ts';

/** Docker Compose, with the project's own compose files. Every release's images stay on the host under our own tags. */
export function composeRuntime(config: ComposeRuntimeConfig): Runtime {
  const compose = (project: string | undefined): string => quoteAll(composeWords(config, project));
  return {
    observe: (project, images = true) => observeScript(compose(project), project ?? config.project, images),
    parse: parseObservation,
    build: (context) => build(config, compose(context.project), context),
    // An image that is gone again is not built here: nobody would know that it is ours.
    start: (context) => `${environment(context)}${compose(context.project)} up -d --remove-orphans --no-build\n`,
    recover: (rung, context) =>
      `${environment(context)}${recoverScript(compose(context.project), rung, context.waitMs)}`,
    restoreImages: (context) => restoreImages(compose(context.project), context),
    restoreServices: (context) => restoreServices(compose(context.project), context),
    renew: (context, services) =>
      inOldImages(
        context,
        `${compose(context.project)} up -d --no-build --no-deps --force-recreate -- ${quoteAll([...services])}\n`,
      ),
    judge: (state, expected) =>
      judgeServices({
        expectedServices: state.services ?? [],
        containers: composeOf(state.runtime).containers,
        staysUp: state.staysUp ?? [],
        reference: containersOf(expected.reference),
        expectedImages: expected.images.length > 0 ? expected.images : composeOf(state.runtime).images,
      }),
    judgeRestored: (state, snapshot, rebuilt) => judgeRestored(state, composeOf(snapshot), rebuilt),
    unchanged: (before, now) => sameContainers(containersOf(before), containersOf(now)),
    keep: ({ project, sha, images }) =>
      `set -euo pipefail\n${images.map(({ service, id }) => `docker tag ${quoteAll([id, releaseTag(project, service, sha)])}\n`).join('')}`,
    pruneReleases,
    pruneFailed: ({ project, deploy, snapshotDeploy }) =>
      `set -euo pipefail\n${removeTags(project, [...snapshotTags(deploy), ...snapshotTags(snapshotDeploy)].join('|'), '')}${removeDangling(project)}`,
    logs: (service, lines) =>
      `${compose(config.project)} logs --no-color --tail ${lines}${service === undefined ? '' : ` -- ${quote(service)}`} 2>&1\n`,
  };
}

export function composeWords(config: ComposeRuntimeConfig, project: string | undefined): string[] {
  const name = project || config.project;
  return [
    'docker',
    'compose',
    '--ansi',
    'never',
    ...(name ? ['-p', name] : []),
    ...config.files.flatMap((file) => ['-f', file]),
    ...config.profiles.flatMap((profile) => ['--profile', profile]),
  ];
}

const environment = ({ sha, target, deploy }: StepContext): string =>
  `set -euo pipefail
export COMPOSE_PROGRESS=plain BUILDKIT_PROGRESS=plain COMPOSE_MENU=false
export DBC_COMMIT=${quote(sha)} DBC_TARGET=${quote(target)} DBC_DEPLOY=${quote(deploy)}
`;

/** Where images are kept for a rollback; the tag tells service and release, or service and deploy. */
const shelf = (project: string | undefined): string => `deploy-by-commit/${project || 'default'}`;
const releaseTag = (project: string | undefined, service: string, sha: string): string =>
  `${shelf(project)}:${service}-${sha.slice(0, 12)}`;
const snapshotTag = (project: string | undefined, service: string, deploy: string, what: 'image' | 'run'): string =>
  `${shelf(project)}:${service}-${deploy.slice(0, 13)}-${what}`;

function build(config: ComposeRuntimeConfig, compose: string, context: BuildContext): string {
  const before = composeOf(context.snapshot);
  // One name keeps an image, and most often what runs is what its name stands for.
  const keep = new Map([
    ...before.containers.map(
      ({ service, imageId }) => [imageId, snapshotTag(context.project, service, context.deploy, 'run')] as const,
    ),
    ...before.images.map(
      ({ service, id }) => [id, snapshotTag(context.project, service, context.deploy, 'image')] as const,
    ),
  ]);
  const lines = [
    environment(context),
    // An image whose container still runs may have been deleted; then restore has to rebuild it.
    ...[...keep].map(([id, tag]) => `docker tag ${quoteAll([id, tag])} || echo ${quote(`not kept: ${tag}`)}\n`),
  ];
  if (context.retained.length > 0) {
    const there = context.retained.map(({ id }) => quote(id)).join(' ');
    lines.push(`if docker image inspect ${there} >/dev/null 2>&1; then
${context.retained.map(({ id, name }) => `  docker tag ${quoteAll([id, name])}`).join('\n')}
  echo reused >&3
  printf '%s\\n' ${there} | ${note(context.deploy, 'built')}
  exit 0
fi
echo "The release's images are not all there any more: building again"
`);
  }
  if (config.pull !== 'never') lines.push(`${compose} pull --quiet --ignore-buildable --policy ${config.pull}\n`);
  lines.push(`${compose} build\n${noteBuilt(compose, context)}`);
  return lines.join('');
}

/** So that who finds us dead can tell our images from those of a person. */
const noteBuilt = (compose: string, { deploy }: BuildContext): string =>
  `docker image inspect --format '{{.Id}}' $(${compose} config --images) | ${note(deploy, 'built')}\n`;

function restoreImages(compose: string, context: RestoreContext): string {
  const { images } = composeOf(context.snapshot);
  return `${environment(context)}${images
    .map(
      ({ service, name, id }) => `if docker image inspect ${quote(id)} >/dev/null 2>&1; then
  docker tag ${quoteAll([id, name])}
elif [ "$(docker image inspect --format '{{.Id}}' ${quote(name)} 2>/dev/null)" != ${quote(id)} ]; then
  echo ${quote(`the image of ${service} is gone: building it again from the old commit`)}
  ${compose} build ${quote(service)}
  echo ${quote(`rebuilt ${service}`)} >&3
fi
`,
    )
    .join('')}`;
}

function restoreServices(compose: string, context: RestoreContext): string {
  const before = composeOf(context.snapshot);
  if (!context.startAttempted) return startStopped(compose, context, before);
  if (before.containers.length === 0) return `${environment(context)}${removeStarted(before.project)}`;
  return inOldImages(context, `${compose} up -d --no-build --remove-orphans\n`);
}

/** What ran may be another image than the one that the name means now: it runs again, and the name is put back. */
function inOldImages(context: RenewContext, up: string): string {
  const before = composeOf(context.snapshot);
  const named = new Map(before.images.map(({ service, name, id }) => [service, { name, id }]));
  const running = before.containers.flatMap(({ service, imageId }) => {
    const image = named.get(service);
    return image && image.id !== imageId ? [{ name: image.name, imageId, id: image.id }] : [];
  });
  const swap = running.map(({ name, imageId }) => `docker tag ${quoteAll([imageId, name])} || true\n`).join('');
  const back = running.map(({ name, id }) => `docker tag ${quoteAll([id, name])} || true\n`).join('');
  return `${environment(context)}${swap}${up}${back}`;
}

/** Nobody replaced a service, but what ran may have stopped: Compose starts the very containers, in their order. */
function startStopped(compose: string, context: RestoreContext, { containers }: ComposeSnapshot): string {
  const ran = containers.filter(({ state }) => state === 'running');
  if (ran.length === 0) return ':\n';
  return `${environment(context)}stopped=
${ran
  .map(
    ({ id, service }) =>
      `[ "$(docker inspect --format '{{.State.Running}}' ${quote(id)} 2>/dev/null)" = true ] || stopped="$stopped "${quote(service)}\n`,
  )
  .join('')}[ -n "$stopped" ] || exit 0
echo "Starting what has stopped:$stopped"
${compose} start $stopped || ${compose} up -d --no-build
`;
}

/** Nothing ran before, so everything of the project goes; volumes stay, data may be in them. */
const removeStarted = (
  project: string,
): string => `for filter in ${quote(`label=com.docker.compose.project=${project}`)} \\
  "label=com.docker.compose.project.working_dir=$PWD"; do
  ids=$(docker ps -aq --filter "$filter")
  [ -z "$ids" ] || { docker stop $ids; docker rm $ids; }
done
`;

function pruneReleases({ project, keepReleases, keepSnapshots }: RecordContext): string {
  const kept = [...keepReleases.map((each) => `*-${each.slice(0, 12)}`), ...keepSnapshots.flatMap(snapshotTags)];
  return `set -euo pipefail\n${removeTags(project, '*', kept.join('|'))}${removeDangling(project)}`;
}

/** Patterns of the tags that a snapshot's images are kept under. */
const snapshotTags = (deploy: string): string[] => [`*-${deploy.slice(0, 13)}-image`, `*-${deploy.slice(0, 13)}-run`];

/** Removes our tags that match the first pattern and not the second one; an image that nothing else names goes with it. */
const removeTags = (project: string | undefined, which: string, but: string): string =>
  `docker image ls --format '{{.Repository}}:{{.Tag}}' ${quote(shelf(project))} | while read -r tag; do
  case $tag in ${but === '' ? "''" : but}) ;; ${which}) docker image rm "$tag" >/dev/null || echo "not removed: $tag" ;; esac
done
`;

/** Images that Compose built for the project and that neither a name nor a container holds any more. */
const removeDangling = (project: string | undefined): string =>
  project === undefined
    ? ''
    : `docker image prune --force --filter ${quote(`label=com.docker.compose.project=${project}`)} >/dev/null || echo "dangling images were not removed"
`;

function judgeRestored(state: RuntimeState, snapshot: ComposeSnapshot, rebuilt: string[]): ServiceView[] {
  const now = composeOf(state.runtime);
  const views = judgeServices({
    expectedServices: snapshot.containers.map(({ service }) => service),
    containers: now.containers,
    staysUp: state.staysUp ?? [],
    reference: snapshot.containers,
    expectedImages: snapshot.containers
      .filter(({ service }) => !rebuilt.includes(service))
      .map(({ service, imageId }) => ({ service, name: service, id: imageId })),
  }).map((view) => asBefore(view, snapshot, now));
  const before = new Set(snapshot.containers.map(({ service }) => service));
  const surplus = now.containers.filter(({ service, state: is }) => !before.has(service) && is === 'running');
  return [
    ...views,
    ...surplus.map(({ service }) => ({
      service,
      state: 'running',
      healthy: (state.services ?? []).includes(service) && snapshot.containers.length > 0,
      note: 'runs, but did not before the deploy',
    })),
  ];
}

/** What was broken before the deploy may be broken after it: a restore owes what was there, not more. */
function asBefore(view: ServiceView, snapshot: ComposeSnapshot, now: ComposeSnapshot): ServiceView {
  if (view.healthy) return view;
  const was = snapshot.containers.find(({ service }) => service === view.service);
  const is = now.containers.find(({ service }) => service === view.service);
  if (!was || (was.state === 'running' && was.health !== 'unhealthy')) return view;
  if (is && is.imageId !== was.imageId) return view;
  return { ...view, healthy: true, note: `${view.note ?? view.state}, as before the deploy` };
}

function sameContainers(before: ContainerState[], now: ContainerState[]): boolean {
  const keys = (list: ContainerState[]) => list.map((each) => `${each.id} ${each.imageId} ${each.restarts}`).sort();
  return before.length > 0 && keys(before).join() === keys(now).join();
}

function composeOf(snapshot: RuntimeSnapshot): ComposeSnapshot {
  if (snapshot.kind === 'compose') return snapshot;
  // The target's runtime was changed in the config since the snapshot: nothing of Compose's ran then.
  return { kind: 'compose', project: '', containers: [], images: [] };
}

const containersOf = (snapshot: RuntimeSnapshot): ContainerState[] => composeOf(snapshot).containers;

export const imagesOf = (snapshot: RuntimeSnapshot): Images => composeOf(snapshot).images;
