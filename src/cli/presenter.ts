import type { Moment } from '../client/index.ts';
import type { DeployView } from '../contracts/deploy.ts';
import { endingAlready } from './interruption.ts';
import { eventsBetween } from './render/events.ts';
import { liveLines } from './render/live.ts';
import { plainHead, plainLines } from './render/plain.ts';
import type { Terminal } from './terminal.ts';

/** Shows a deploy while it runs. */
export interface Presenter {
  show(moment: Moment): void;
  /** Something that happened to the client, not to the deploy. */
  say(line: string): void;
  /** Leaves the terminal in order. */
  end(): Promise<void> | void;
}

export interface PresenterOptions {
  link: string | undefined;
  /** What Ctrl-C does, when hosts are not being put back already. */
  footer: string;
  /** The same while they are. */
  endingFooter: string;
}

export async function presenterFor(terminal: Terminal, options: PresenterOptions): Promise<Presenter> {
  if (terminal.live) return livePresenter(terminal, options);
  if (terminal.json) return jsonPresenter(terminal);
  return plainPresenter(terminal, options);
}

/** Between two lines about a step that still runs. */
const stillMs = 10_000;

function plainPresenter(terminal: Terminal, { link }: PresenterOptions): Presenter {
  let before: DeployView | undefined;
  let told = '';
  let toldAt = Date.now();
  return {
    show({ view, running }) {
      if (!before) terminal.note(...plainHead(view, link));
      const line = running.at(-1)?.line ?? '';
      // A step that takes long says what it is at, and a log of it is not flooded.
      if (line !== '' && line !== told && Date.now() - toldAt > stillMs) {
        terminal.note(`   … ${line}`);
        told = line;
        toldAt = Date.now();
      }
      for (const event of eventsBetween(before, view)) {
        const lines = plainLines(event, view, terminal.errColors);
        if (lines.length === 0) continue;
        // Steps of several hosts take turns in the log.
        terminal.actions?.group(event.event === 'step' ? `${event.host}: ${event.step}` : undefined);
        terminal.note(...lines);
      }
      before = view;
    },
    say: (line) => terminal.note(line),
    end() {
      terminal.actions?.group();
      terminal.note('');
    },
  };
}

/** One event a line, each with its target; with `--quiet` only the end is told. */
function jsonPresenter(terminal: Terminal): Presenter {
  let before: DeployView | undefined;
  return {
    show({ view }) {
      if (!terminal.quiet) for (const event of eventsBetween(before, view)) terminal.printJson(event);
      before = view;
    },
    say: (message) => {
      if (!terminal.quiet) terminal.printJson({ event: 'notice', message });
    },
    end: () => {},
  };
}

async function livePresenter(terminal: Terminal, options: PresenterOptions): Promise<Presenter> {
  const { link } = options;
  const { createLogUpdate } = await import('log-update');
  const update = createLogUpdate(terminal.stderr);
  let latest: Moment | undefined;
  let tick = 0;
  const draw = (last = false): void => {
    if (!latest) return;
    const { columns, rows, errColors: colors } = terminal;
    const frame = { columns, rows, colors, now: Date.now() };
    update(liveLines(latest, last ? frame : { ...frame, tick: tick++, footer: footerOf(latest, options) }).join('\n'));
  };
  if (link) terminal.note(terminal.errColors.dim(link));
  const timer = setInterval(draw, 120);
  const redraw = (): void => draw();
  terminal.stderr.on('resize', redraw);
  return {
    show(moment) {
      latest = moment;
      draw();
    },
    say(line) {
      update.clear();
      terminal.note(line);
      draw();
    },
    end() {
      clearInterval(timer);
      terminal.stderr.off('resize', redraw);
      draw(true);
      update.done();
    },
  };
}

function footerOf({ trouble, view }: Moment, { footer, endingFooter }: PresenterOptions): string {
  if (trouble === 'no-worker') return 'No worker answers; the deploy goes on when one is back.';
  if (trouble === 'server') return 'Temporal does not answer; trying again.';
  return endingAlready(view) ? endingFooter : footer;
}
