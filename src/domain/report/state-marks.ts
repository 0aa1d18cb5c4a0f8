import type { StepLine } from './step-lines.ts';

/** The mark of a state and what a reader who cannot see it is told. */
export const marks: Record<StepLine['state'], { mark: string; words: string }> = {
  pending: { mark: '·', words: 'not begun' },
  running: { mark: '▸', words: 'running' },
  done: { mark: '✓', words: 'done' },
  failed: { mark: '✗', words: 'failed' },
  'timed-out': { mark: '✗', words: 'not done in its time' },
  cancelled: { mark: '⊘', words: 'cancelled' },
  'cut-off': { mark: '✂', words: 'ended from outside' },
  skipped: { mark: '–', words: 'skipped' },
};
