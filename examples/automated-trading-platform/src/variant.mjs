// Written by variants/apply: the fault that this commit has on purpose, so that deployments of it can be rehearsed.
export const variant = 'none';
export const argument = '';
export const version = '1';
