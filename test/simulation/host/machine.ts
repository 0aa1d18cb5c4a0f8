import type { RuntimeState } from '../../../activities/runtime/port.ts';
import type { ComposeSnapshot, ContainerState } from '../../../src/contracts/host.ts';
import type { Clock } from '../clock.ts';

export const services = ['backend', 'frontend'] as const;
export type Service = (typeof services)[number];

interface Container {
  id: string;
  imageId: string;
  running: boolean;
  startedAt: number;
  /** A recovery has restarted it, or made it. */
  recovered?: 'restart' | 'recreate';
}

/** What a host is, to compare it with what it was. */
export interface MachineState {
  head: string;
  /** What the files are: a commit, or torn between two by a checkout that was cut off. */
  tree: string;
  /** Whether a person's changes to tracked files are in place. */
  edits: boolean;
  /** What each of Compose's image names means. */
  tags: Partial<Record<Service, string>>;
  /** Which image each service's container is made of. */
  runs: Partial<Record<Service, string>>;
  /** Services whose container runs. */
  up: Service[];
}

/** An image that had to be built again is the same one under another ID. */
export const sameImage = (id: string | undefined): string | undefined => id?.replace(/\/again$/, '');

/** To compare by. */
export function plain({ tags, runs, ...rest }: MachineState): MachineState {
  const simple = (images: MachineState['runs']) =>
    Object.fromEntries(Object.entries(images).map(([service, id]) => [service, sameImage(id)]));
  return { ...rest, tags: simple(tags), runs: simple(runs) };
}

/** How long a container takes until its healthcheck passes. */
const warmUpMs = 1_500;

/** Whether the containers of a commit are unhealthy; what a recovery did to one may have cured it. */
export type Sick = (commit: string, recovered: Container['recovered']) => boolean;

const commitOf = (imageId: string): string => imageId.split('/')[0] ?? '';

/** The checkout, the images and the services of a host, and what scripts do to them, each in two halves. */
export class Machine {
  head = '';
  tree = '';
  edits = false;
  readonly tags = new Map<Service, string>();
  readonly images = new Set<string>();
  readonly containers = new Map<Service, Container>();
  readonly #clock: Clock;
  readonly #sick: Sick;
  /** Images that were there once: built again they get another ID. */
  readonly #gone = new Set<string>();
  #containers = 0;

  constructor(clock: Clock, sick: Sick) {
    this.#clock = clock;
    this.#sick = sick;
  }

  state(): MachineState {
    const { head, tree, edits, tags, containers } = this;
    const runs = Object.fromEntries([...containers].map(([service, { imageId }]) => [service, imageId]));
    const up = services.filter((service) => containers.get(service)?.running);
    return { head, tree, edits, tags: Object.fromEntries(tags), runs, up };
  }

  /** `git checkout --force -B`: HEAD moves last, and changes are gone from the first byte on. */
  beginCheckout(): void {
    this.tree = 'torn';
    this.edits = false;
  }

  finishCheckout(commit: string): void {
    this.tree = commit;
    this.head = commit;
    this.edits = false;
  }

  build(service: Service, commit = this.tree): string {
    const id = this.#gone.has(`${commit}/${service}`) ? `${commit}/${service}/again` : `${commit}/${service}`;
    this.images.add(id);
    this.tags.set(service, id);
    return id;
  }

  /** `docker system prune -a`: what no container uses is gone, whatever its tags. */
  prune(): void {
    const used = new Set([...this.containers.values()].map(({ imageId }) => imageId));
    for (const id of [...this.images].filter((each) => !used.has(each))) {
      this.images.delete(id);
      this.#gone.add(id);
    }
    for (const [service, id] of this.tags) if (!this.images.has(id)) this.tags.delete(service);
  }

  /** `up -d` for one service: a container is made anew only when its image is another one. False: no such image. */
  up(service: Service): boolean {
    const imageId = this.tags.get(service);
    const container = this.containers.get(service);
    if (imageId === undefined) return false;
    if (container?.imageId === imageId) {
      if (!container.running) Object.assign(container, { running: true, startedAt: this.#clock.now });
      return true;
    }
    if (!this.images.has(imageId)) return false;
    this.containers.set(service, {
      id: `container-${++this.#containers}`,
      imageId,
      running: true,
      startedAt: this.#clock.now,
    });
    return true;
  }

  /** `docker compose restart`. */
  restart(service: Service): void {
    const container = this.containers.get(service);
    if (!container) return;
    const recovered = container.recovered ?? 'restart';
    Object.assign(container, { running: true, startedAt: this.#clock.now, recovered });
  }

  /** `up -d --force-recreate`. False: its image is gone. */
  recreate(service: Service): boolean {
    const imageId = this.tags.get(service);
    if (imageId === undefined || !this.images.has(imageId)) return false;
    const id = `container-${++this.#containers}`;
    this.containers.set(service, { id, imageId, running: true, startedAt: this.#clock.now, recovered: 'recreate' });
    return true;
  }

  /** Docker starts them again after a reboot. */
  restartAll(): void {
    for (const container of this.containers.values()) container.startedAt = this.#clock.now;
  }

  /** Somebody stopped them, or the Docker engine ended and did not take them along again. */
  stopAll(): void {
    for (const container of this.containers.values()) container.running = false;
  }

  startStopped(): void {
    for (const container of this.containers.values()) {
      if (!container.running) Object.assign(container, { running: true, startedAt: this.#clock.now });
    }
  }

  /** As Compose and `docker inspect` tell it. */
  runtime(): ComposeSnapshot {
    const containers = [...this.containers].map(([service, container]) => this.#view(service, container));
    const images = [...this.tags].map(([service, id]) => ({ service, name: `app-${service}`, id }));
    return { kind: 'compose', project: 'app', containers, images };
  }

  observe(): RuntimeState {
    return { runtime: this.runtime(), services: [...services] };
  }

  /** Whether the application, asked at its health URL, says that it is well. */
  answersWell(): boolean {
    return this.failing().length === 0;
  }

  /** Services that do not say that they are well. */
  failing(): Service[] {
    return services.filter((service) => this.#health(this.containers.get(service)) !== 'healthy');
  }

  #health(container: Container | undefined): 'starting' | 'healthy' | 'unhealthy' | '' {
    if (!container?.running) return '';
    if (this.#clock.now < container.startedAt + warmUpMs) return 'starting';
    return this.#sick(commitOf(container.imageId), container.recovered) ? 'unhealthy' : 'healthy';
  }

  #view(service: Service, container: Container): ContainerState {
    const { id, imageId, running, startedAt } = container;
    return {
      ...{ id, service, name: `app-${service}-1`, imageId, state: running ? 'running' : 'exited' },
      ...{ health: this.#health(container), exitCode: 0, restarts: 0 },
      upSeconds: running ? Math.floor((this.#clock.now - startedAt) / 1000) : 0,
    };
  }
}
