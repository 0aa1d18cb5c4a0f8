import { setTimeout as sleep } from 'node:timers/promises';
import { searchAttributes } from '../contracts/temporal.ts';
import { ask, type Server } from './server.ts';

export interface SetupState {
  present: string[];
  missing: string[];
  /** There, but of another type than Keyword; Temporal cannot change that. */
  wrongType: string[];
}

/** INDEXED_VALUE_TYPE_KEYWORD */
const keyword = 2;

/** Which of the search attributes the namespace has. */
export async function setupState(server: Server): Promise<SetupState> {
  const { customAttributes } = await ask(server, () =>
    server.connection.operatorService.listSearchAttributes({ namespace: server.namespace }),
  );
  const types = customAttributes ?? {};
  const names = Object.values(searchAttributes);
  return {
    present: names.filter((name) => types[name] === keyword),
    missing: names.filter((name) => types[name] === undefined),
    wrongType: names.filter((name) => types[name] !== undefined && types[name] !== keyword),
  };
}

/** Registers what is missing and waits until it can be used. Returns what was registered. */
export async function setup(server: Server): Promise<{ added: string[] } & SetupState> {
  const before = await setupState(server);
  if (before.missing.length === 0) return { added: [], ...before };
  await ask(
    server,
    () =>
      server.connection.operatorService.addSearchAttributes({
        namespace: server.namespace,
        searchAttributes: Object.fromEntries(before.missing.map((name) => [name, keyword])),
      }),
    20_000,
  );
  for (let left = 100; ; left--) {
    const state = await setupState(server);
    if (state.missing.length === 0 || left === 0) return { added: before.missing, ...state };
    await sleep(100);
  }
}

/** Of the server, for people who want to know which one it is. */
export async function serverVersion(server: Server): Promise<string> {
  const { serverVersion: version } = await ask(server, () => server.client.workflowService.getClusterInfo({}));
  return version ?? 'unknown';
}
