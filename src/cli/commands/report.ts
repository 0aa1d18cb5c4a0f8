import { writeFileSync } from 'node:fs';
import { extname } from 'node:path';
import { NoDeploy } from '../../client/errors.ts';
import { ExitCode } from '../../contracts/errors.ts';
import { DeployError } from '../../domain/deploy-error.ts';
import { markdownReport } from '../../domain/report/markdown.ts';
import { pageReport } from '../../domain/report/page.ts';
import { makeReport, type Report } from '../../domain/report/report.ts';
import { cleaned } from '../clean.ts';
import type { TemporalFlags } from '../flags.ts';
import { type Session, withSession } from '../session.ts';
import type { Terminal } from '../terminal.ts';

type Format = 'markdown' | 'json' | 'html';

interface ReportFlags extends TemporalFlags {
  format?: Format | undefined;
  output?: string | undefined;
}

const written: Record<Format, (report: Report) => string> = {
  markdown: markdownReport,
  json: (report) => `${JSON.stringify(report)}\n`,
  html: pageReport,
};

/** `dbc report`: a deploy from beginning to end, as a document. */
export function report(
  terminal: Terminal,
  target: string,
  id: string | undefined,
  flags: ReportFlags,
): Promise<ExitCode> {
  const { output } = flags;
  return withSession(terminal, flags, async (session) => {
    const made = await reportOn(session, target, id);
    const text = written[formatOf(flags)](made);
    if (output === undefined) terminal.print(text.trimEnd());
    else {
      write(output, text);
      terminal.note(`The report of ${made.view.deploy} is in ${output}.`);
    }
    return ExitCode.succeeded;
  });
}

/** Of the deploy with this ID or run ID, of the last one without; from Temporal's history. */
export async function reportOn(session: Session, target: string, id?: string): Promise<Report> {
  const found = await session.client.record(target, id);
  if (!found) throw new NoDeploy(`Temporal knows no deploy of ${target}.`, { unknown: true });
  const { ref, view, open, closedAs, work } = found;
  // The private server is gone in a moment, and its UI with it.
  const link = session.embedded ? undefined : session.link(ref);
  const made = makeReport({
    ...{ workflowId: ref.workflowId, runId: ref.runId, view, open, work, madeAt: new Date().toISOString() },
    ...(link ? { link } : {}),
    ...(closedAs ? { closedAs } : {}),
  });
  return cleaned(made);
}

const formatOfExtension: Record<string, Format> = { '.html': 'html', '.htm': 'html', '.json': 'json' };

/** As asked for, else as the file is called. */
function formatOf({ format, json, output = '' }: ReportFlags): Format {
  return format ?? (json ? 'json' : (formatOfExtension[extname(output).toLowerCase()] ?? 'markdown'));
}

function write(output: string, text: string): void {
  try {
    writeFileSync(output, text);
  } catch (cause) {
    const why = (cause as NodeJS.ErrnoException).code ?? String(cause);
    throw new DeployError('InvalidInput', `the report cannot be written to ${output}: ${why}`, {
      hint: 'Name a file in a folder that is there and that you may write to; without --output it is printed.',
      cause,
    });
  }
}
