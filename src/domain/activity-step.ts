import type { StepName } from '../contracts/deploy.ts';

/** The steps that are one activity of the same name. */
const own = new Set<string>(['inspect', 'fetch', 'reset', 'build', 'start', 'verify', 'bake', 'record']);

/** Activities that are a step under another name, or a part of one. */
const parts: Record<string, { step: StepName; part?: string }> = {
  changeEnv: { step: 'change' },
  restartServices: { step: 'restart' },
  verifyChange: { step: 'verify' },
  diagnose: { step: 'recover', part: 'diagnosis' },
  recover: { step: 'recover', part: 'cure' },
  retakeLease: { step: 'restore', part: 'lease' },
  restoreEnv: { step: 'restore', part: 'env file' },
  restoreCheckout: { step: 'restore', part: 'checkout' },
  restoreImages: { step: 'restore', part: 'images' },
  restoreServices: { step: 'restore', part: 'services' },
  verifyRestored: { step: 'restore', part: 'verify' },
};

/** The step that an activity is, or is a part of; undefined for what belongs to none, such as giving the lease back. */
export const stepOfActivity = (activity: string): StepName | undefined =>
  own.has(activity) ? (activity as StepName) : parts[activity]?.step;

/** Which part of its step an activity is; undefined when it is the whole of it. */
export const partOfStep = (activity: string): string | undefined => parts[activity]?.part;
