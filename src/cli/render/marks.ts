import type { StepName, StepState } from '../../contracts/deploy.ts';
import type { Colors } from '../terminal.ts';

const frames = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'] as const;

/** The mark of a step's state; `frame` counts up where the mark of what runs can turn. */
export function mark(state: StepState, c: Colors, frame?: number): string {
  switch (state) {
    case 'pending':
      return c.dim('·');
    case 'running':
      return c.cyan(frame === undefined ? '▸' : (frames[frame % frames.length] ?? '▸'));
    case 'done':
      return c.green('✓');
    case 'failed':
      return c.red('✗');
    case 'cancelled':
      return c.yellow('⊘');
    case 'skipped':
      return c.dim('–');
  }
}

/** What a step that begins is called; the playbook's own words where it has some. */
export const doingStep: Record<StepName, string> = {
  inspect: 'Inspecting: lease, checks, snapshot',
  change: 'Changing the env file',
  restart: 'Recreating services',
  fetch: 'Fetching latest from',
  reset: 'Resetting to',
  beforeRollback: 'Running the hook before the rollback',
  build: 'Building images',
  before: 'Running the hook before start',
  start: 'Starting services',
  wait: 'Waiting for services to start',
  verify: 'Verifying git state, services and health',
  recover: 'Recovering',
  after: 'Running the hook after verify',
  bake: 'Watching health',
  record: 'Recording the release',
  restore: 'Restoring',
};
