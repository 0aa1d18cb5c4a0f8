import type { ServiceView } from '../contracts/deploy.ts';
import type { ContainerState } from '../contracts/host.ts';
import { hostJson } from './host-json.ts';
import { shortImage } from './sha.ts';

/** What `docker compose ps` tells of a container. It knows neither image ID nor restarts: `docker inspect` does. */
export interface ListedContainer {
  /** The short ID. */
  id: string;
  service: string;
  name: string;
  state: string;
  health: string;
  exitCode: number;
}

/**
 * Reads `docker compose ps -a --format json`: one object a line, or one array as Compose before 2.21 wrote it.
 * Containers of `docker compose run`, which it lists too, are left out. Throws CommandFailed when it is no JSON.
 */
export function parseComposePs(output: string): ListedContainer[] {
  const text = output.trim();
  const entries = text.startsWith('[')
    ? list(text)
    : text
        .split('\n')
        .filter((line) => line.trim() !== '')
        .map(fromDocker);
  return entries
    .map((entry) => fields(entry))
    .filter((entry) => !/(?:^|,)com\.docker\.compose\.oneoff=True(?:,|$)/.test(string(entry['Labels'])))
    .map((entry) => ({
      id: string(entry['ID']),
      service: string(entry['Service']),
      name: string(entry['Name']),
      state: string(entry['State']),
      health: string(entry['Health']),
      exitCode: number(entry['ExitCode']),
    }));
}

/**
 * Reads the JSON array of `docker inspect CONTAINER…`, sorted by service and name. Containers that no Compose service
 * owns, and those of `docker compose run`, are left out. `now` is the host's time in milliseconds since 1970: the
 * start times are the host's too. Throws CommandFailed when it is no JSON.
 */
export function parseInspect(output: string, now: number): ContainerState[] {
  return list(output.trim() === '' ? '[]' : output)
    .map((entry) => fields(entry))
    .filter((entry) => labels(entry)['com.docker.compose.oneoff'] !== 'True')
    .map((entry) => containerState(entry, now))
    .filter((container) => container.service !== '')
    .sort((a, b) => compare(a.service, b.service) || compare(a.name, b.name));
}

function containerState(entry: Fields, now: number): ContainerState {
  const state = fields(entry['State']);
  const status = string(state['Status']);
  const started = Date.parse(string(state['StartedAt']));
  return {
    id: string(entry['Id']),
    service: string(labels(entry)['com.docker.compose.service']),
    name: string(entry['Name']).replace(/^\//, ''),
    imageId: string(entry['Image']),
    state: status,
    // Docker says `none` for a healthcheck that is switched off.
    health: string(fields(state['Health'])['Status']).replace(/^none$/, ''),
    exitCode: number(state['ExitCode']),
    restarts: number(entry['RestartCount']),
    upSeconds: status === 'running' && started <= now ? Math.floor((now - started) / 1000) : 0,
  };
}

type Fields = Record<string, unknown>;

const labels = (entry: Fields): Fields => fields(fields(entry['Config'])['Labels']);
const fields = (value: unknown): Fields => (typeof value === 'object' && value !== null ? (value as Fields) : {});
const string = (value: unknown): string => (typeof value === 'string' ? value : '');
const number = (value: unknown): number => (typeof value === 'number' ? value : 0);
const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

const fromDocker = (text: string): unknown =>
  hostJson(text, 'docker', 'Does `docker compose version` on the host say 2.0 or newer?');

function list(text: string): unknown[] {
  const value = fromDocker(text);
  return Array.isArray(value) ? value : [value];
}

/** How long a container that Docker restarted has to stay up before it counts as healthy. Seconds. */
export const settledAfterSeconds = 20;

export interface ServiceJudgment {
  /** The services that should run; leave out those that are scaled to zero. */
  expectedServices: readonly string[];
  containers: readonly ContainerState[];
  /** The snapshot's containers: restarts that are older than the deploy are not held against it. */
  reference: readonly ContainerState[];
  /** Services that Docker starts again whenever they end: exit status 0 is none of a one-shot's there. */
  staysUp?: readonly string[];
  /** A service that is missing here may run any image. */
  expectedImages: readonly { service: string; name: string; id: string }[];
  /** True when nothing else may run, as after a restore; otherwise other services are passed over. */
  exact?: boolean;
}

/** One view for each expected service, in the given order; with `exact` also for each other one, as not healthy. */
export function judgeServices(judgment: ServiceJudgment): ServiceView[] {
  const views = [...new Set(judgment.expectedServices)].map((service) => judgeService(service, judgment));
  if (judgment.exact !== true) return views;
  const others = judgment.containers.filter(
    ({ service, state }) => !judgment.expectedServices.includes(service) && state !== 'exited',
  );
  const extra = [...new Map(others.map((container) => [container.service, container])).values()];
  return [...views, ...extra.map((container) => view(container, 'should not be there'))];
}

function judgeService(service: string, judgment: ServiceJudgment): ServiceView {
  const containers = judgment.containers.filter((container) => container.service === service);
  const [first] = containers;
  if (first === undefined) return { service, state: 'missing', healthy: false, note: 'has no container' };
  const image = judgment.expectedImages.find((expected) => expected.service === service)?.id;

  for (const container of containers) {
    const why = stopped(container, judgment) ?? fault(container, judgment.reference) ?? wrongImage(container, image);
    if (why !== undefined) return view(container, containers.length > 1 ? `${container.name}: ${why}` : why);
  }
  return { ...view(first, wellBeing(first, containers.length)), healthy: true };
}

function view(container: ContainerState, note: string): ServiceView {
  const { service, state, health } = container;
  return { service, state, ...(health === '' ? {} : { health }), healthy: false, note };
}

/** Docker would have started it again, had it ended by itself. */
function stopped({ service, state, exitCode }: ContainerState, { staysUp = [] }: ServiceJudgment): string | undefined {
  if (state !== 'exited' || exitCode !== 0 || !staysUp.includes(service)) return undefined;
  return 'exited with 0, as somebody stopped it';
}

/** Why a container is not healthy, or undefined. */
function fault(container: ContainerState, reference: readonly ContainerState[]): string | undefined {
  const { state, health, exitCode } = container;
  // A one-shot has done its work. If it was retried until it succeeded, it has done it as well.
  if (state === 'exited' && exitCode === 0) return undefined;
  const grown = container.restarts - (reference.find(({ id }) => id === container.id)?.restarts ?? 0);
  const restarts = grown > 0 ? `restarted ${times(grown)}` : '';
  if (state === 'exited' || state === 'restarting') return [exit(exitCode), restarts].filter(Boolean).join(', ');
  if (state === 'created') return 'was created but never started';
  if (state !== 'running') return `is ${state}`;
  // Between two crashes it says `running`, and may even have passed its healthcheck.
  if (grown > 0 && container.upSeconds < settledAfterSeconds) {
    return `${restarts}, last ${container.upSeconds} s ago; it must stay up for ${settledAfterSeconds} s`;
  }
  if (health === 'unhealthy') return 'its healthcheck fails';
  if (health === 'starting') return 'its healthcheck has not passed yet';
  return undefined;
}

function wrongImage(container: ContainerState, expected: string | undefined): string | undefined {
  if (expected === undefined || container.imageId === expected) return undefined;
  return `runs image ${shortImage(container.imageId)}, expected ${shortImage(expected)}`;
}

function wellBeing(container: ContainerState, count: number): string {
  const image = `image ${shortImage(container.imageId)}`;
  if (container.state === 'exited') return `done, ${image}`;
  return count > 1 ? `${count} containers, ${image}` : image;
}

/** Shells and Docker report a death by signal as 128 + its number. */
function exit(code: number): string {
  const signal =
    code > 128 && code < 160 ? ` (signal ${code - 128}${code === 137 ? ', perhaps out of memory' : ''})` : '';
  return `exited with ${code}${signal}`;
}

const times = (count: number): string => (count === 1 ? 'once' : `${count} times`);
