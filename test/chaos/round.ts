/** Runs one plan on a lane, and brings together all that was seen. What it means is judged by invariants.ts. */
import { readFileSync } from 'node:fs';
import { setTimeout as lasting } from 'node:timers/promises';
import type { DeployReport } from '../../src/contracts/deploy.ts';
import type { Gate } from '../lab/gates.ts';
import { Deploys, type Ended } from './deploys.ts';
import { evidence, type HostEvidence, placesOf } from './evidence.ts';
import { faults, healAll } from './faults.ts';
import { type Lane, repository } from './lane.ts';
import { patternOf } from './places.ts';
import type { Ask, Happening, Place, Plan, PlannedEvent } from './plan.ts';

export interface Note {
  at: number;
  text: string;
}

export interface Happened extends PlannedEvent {
  /** Epoch ms; absent: the place was never reached. */
  began?: number;
  ended?: number;
  /** What came of it. */
  note?: string;
}

export interface Seen {
  plan: Plan;
  before: HostEvidence[];
  after: HostEvidence[];
  traces: string[];
  deploys: Ended[];
  events: Happened[];
  notes: Note[];
  /** What people wrote into files, and where it is now, by host. */
  edits: { text: string; host: number; before: boolean; places: string[] }[];
  /** False: the workflows did not close in time. */
  closed: boolean;
}

/** Longer than any deploy may take by its own bounds, with the paces of lane.ts and the longest faults. */
const closesWithinMs = 240_000;

export class Round {
  readonly #lane: Lane;
  readonly #plan: Plan;
  readonly #deploys: Deploys;
  readonly #notes: Note[] = [];
  readonly #events: Happened[];
  readonly #edits: { text: string; host: number; before: boolean }[] = [];
  readonly #over = new AbortController();
  #commits = new Map<Ask, string>();
  #active = 0;

  constructor(lane: Lane, plan: Plan) {
    this.#lane = lane;
    this.#plan = plan;
    this.#deploys = new Deploys(lane);
    this.#events = plan.events.map((event) => ({ ...event }));
  }

  async run(): Promise<Seen> {
    const lane = this.#lane;
    lane.configure('hurried');
    for (const { trace } of lane.hosts) trace.clear();
    const first = await this.#look();
    await this.#makeCommits(first[0]?.head ?? '');
    if (this.#plan.edit) await this.#edit(this.#plan.edit, true);
    const before = this.#plan.edit ? await this.#look() : first;

    const gates = this.#events.map((event) => this.#hold(event));
    await this.#ask(this.#plan.first);
    const running = this.#events.map((event, index) => this.#happen(event, gates[index]));
    const closed = await this.#untilOver();
    this.#over.abort();
    await Promise.all(running);
    await lane.alone(() => healAll(lane));
    // What was thawed only now may have had something in mind still.
    const stillClosed = closed && (await this.#untilOver());
    const deploys = stillClosed ? await this.#deploys.ended() : [];
    return {
      plan: this.#plan,
      before,
      after: await this.#look(),
      traces: lane.hosts.map(({ trace }) => readFileSync(trace.file, 'utf8')),
      deploys,
      events: this.#events,
      notes: this.#notes,
      edits: await Promise.all(
        this.#edits.map(async (edit) => ({ ...edit, places: await placesOf(this.#host(edit.host), edit.text) })),
      ),
      closed: stillClosed,
    };
  }

  /** The plain deploy or rollback that must succeed after whatever happened. */
  async recover(): Promise<{ report: DeployReport | undefined; after: HostEvidence[] }> {
    const lane = this.#lane;
    lane.configure('patient');
    const deploys = new Deploys(lane);
    const { recovery } = this.#plan;
    if (recovery === 'doctor, then deploy') {
      const answers = await deploys.ask({ ask: 'doctor' });
      this.#note(
        `doctor: ${JSON.stringify(answers.answers.map(({ findings, problem }) => problem ?? findings?.filter(({ level }) => level !== 'ok')))}`,
      );
    }
    const before = await this.#look();
    let report = await this.#recoverBy(recovery === 'rollback' ? 'rollback' : 'deploy', deploys);
    // After a rollback to the first release there is none before it.
    if (recovery === 'rollback' && before[0]?.recordedBy === 'rollback' && report?.failure?.type === 'CommitNotFound') {
      report = await this.#recoverBy('deploy', new Deploys(lane));
    }
    return { report, after: await this.#look() };
  }

  async #recoverBy(kind: 'deploy' | 'rollback', deploys: Deploys): Promise<DeployReport | undefined> {
    const request = kind === 'rollback' ? {} : { commit: await this.#lane.application.commit('good') };
    this.#note(`recovery: ${await deploys.start(request, kind, 'production')}`);
    const deadline = Date.now() + closesWithinMs;
    while ((await deploys.look()) !== true && Date.now() < deadline) await lasting(50);
    const [ended] = await deploys.ended();
    this.#note(`recovery: ${ended?.report?.outcome ?? 'terminated'}`);
    return ended?.report;
  }

  get notes(): readonly Note[] {
    return this.#notes;
  }

  #host = (index: number) => this.#lane.hosts[index] ?? (this.#lane.hosts[0] as Lane['hosts'][number]);
  #look = () => Promise.all(this.#lane.hosts.map((ec2) => evidence(ec2, this.#lane.application.url)));

  #note(text: string): void {
    this.#notes.push({ at: Date.now(), text });
  }

  /** Before anything starts: commits take time, and have to be there when somebody asks for them. */
  async #makeCommits(head: string): Promise<void> {
    const asks = [this.#plan.first, ...this.#plan.events.flatMap(({ what }) => ('ask' in what ? [what.ask] : []))];
    for (const ask of asks) {
      if (ask.do !== 'deploy') continue;
      this.#commits.set(ask, ask.commit === 'no change' ? head : await this.#lane.application.commit(ask.commit));
    }
  }

  #hold({ at, what }: PlannedEvent): Gate | undefined {
    if (!('gate' in at)) return undefined;
    return this.#host('host' in what ? what.host : 0).gates.hold(patternOf(this.#plan.stage, at.gate), at.when);
  }

  async #happen(event: Happened, gate: Gate | undefined): Promise<void> {
    const there = await this.#reached(event.at, gate);
    if (!there) {
      gate?.open();
      return;
    }
    this.#active++;
    event.began = Date.now();
    try {
      event.note = await this.#do(event.what, gate);
    } catch (error) {
      event.note = `failed: ${String(error)}`;
    } finally {
      gate?.open();
      event.ended = Date.now();
      this.#active--;
      this.#note(`${nameOf(event.what)}${event.note ? `: ${event.note}` : ''} (since ${event.began - event.ended} ms)`);
    }
  }

  /** False when all was over before. */
  async #reached(at: Place, gate: Gate | undefined): Promise<boolean> {
    while (!this.#over.signal.aborted) {
      const since = 'step' in at ? this.#deploys.seen.get(at.step) : undefined;
      if (gate?.isReached() || (since !== undefined && 'step' in at && Date.now() >= since + at.ms)) return true;
      await lasting(20);
    }
    return false;
  }

  async #do(what: Happening, gate: Gate | undefined): Promise<string> {
    const lane = this.#lane;
    if ('ask' in what) return this.#ask(what.ask);
    if ('actor' in what) return String((await this.#act(what)) ?? '');
    const { strike, heal, healsAtOnce } = faults[what.fault];
    const note = await lane.alone(() => strike(lane, what.host));
    gate?.open();
    if (heal) {
      await lasting(what.lasts);
      await (healsAtOnce ? heal(lane, what.host) : lane.alone(() => heal(lane, what.host)));
    }
    return String(note ?? '');
  }

  async #ask(ask: Ask): Promise<string> {
    const target = ask.do === 'deploy' ? ask.target : 'production';
    const commit = ask.do === 'deploy' ? this.#commits.get(ask) : undefined;
    const note = await this.#deploys.start(commit === undefined ? {} : { commit }, ask.do, target);
    this.#note(`${ask.do} ${ask.do === 'deploy' ? `${ask.commit} to ${target}` : ''} ${commit ?? ''}: ${note}`);
    return note;
  }

  async #act({ actor, far }: Extract<Happening, { actor: unknown }>): Promise<unknown> {
    const deploys = this.#deploys;
    switch (actor) {
      case 'abort':
        return deploys.abort('chaos');
      case 'cancel':
        return deploys.cancel();
      case 'terminate':
        return deploys.terminate();
      case 'reset':
        return deploys.reset(far);
      case 'doctor':
      case 'unlock': {
        const { answers } = await deploys.ask(actor === 'doctor' ? { ask: 'doctor' } : { ask: 'unlock', force: true });
        return JSON.stringify(
          answers.map(({ findings, unlocked, problem }) => problem?.message ?? findings ?? unlocked?.deploy),
        );
      }
      case 'edit':
        return this.#edit('changed', false);
    }
  }

  /** A person changes a file on the first host. */
  async #edit(how: NonNullable<Plan['edit']>, before: boolean): Promise<void> {
    const text = `by-hand-${this.#plan.seed}-${this.#plan.round}-${this.#edits.length}`;
    const [file, more] = {
      changed: ['notes.txt', ''],
      staged: ['more.txt', 'git add more.txt'],
      'new file': [`new-${text}.txt`, `git add new-${text}.txt`],
    }[how];
    await this.#host(0).sh(
      `su ubuntu -c ${JSON.stringify(`cd ${repository} && echo ${text} >>${file} && ${more || 'true'}`)}`,
    );
    this.#edits.push({ text, host: 0, before });
  }

  /** Until no deploy is open and nothing that was begun is still going on. */
  async #untilOver(): Promise<boolean> {
    const deadline = Date.now() + closesWithinMs;
    while (Date.now() < deadline) {
      const idle = this.#active === 0;
      if ((await this.#deploys.look()) === true && idle && this.#active === 0) return true;
      await lasting(50);
    }
    return false;
  }
}

export function nameOf(what: Happening): string {
  if ('fault' in what) return what.fault;
  if ('actor' in what) return what.actor;
  return what.ask.do;
}
