/** Deploys that began before a release of this program end under it: their histories must replay on today's code. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Worker } from '@temporalio/worker';
import { outcomes } from '../../src/contracts/deploy.ts';
import { quietRuntime } from '../../worker/runtime.ts';
import { workflowBundle } from '../workflow/bundle.ts';

const folder = join(import.meta.dirname, 'histories');
const names = readdirSync(folder)
  .filter((file) => file.endsWith('.json'))
  .map((file) => file.slice(0, -'.json'.length));
const read = (name: string): { events: object[] } => JSON.parse(readFileSync(join(folder, `${name}.json`), 'utf8'));

async function replay(code: { traced: boolean }): Promise<Map<string, Error | undefined>> {
  quietRuntime(() => {});
  const histories = names.map((workflowId) => ({ workflowId, history: read(workflowId) }));
  const results = Worker.runReplayHistories({ workflowBundle: await workflowBundle(code) }, histories);
  const errors = new Map<string, Error | undefined>();
  for await (const { workflowId, error } of results) errors.set(workflowId, error);
  return errors;
}

describe('a stored history', () => {
  let errors: Map<string, Error | undefined>;
  before(async function () {
    this.timeout(120_000);
    errors = await replay({ traced: false });
  });

  for (const name of names) {
    it(`of ${name} replays`, () => {
      assert.ok(errors.has(name));
      assert.ifError(errors.get(name));
    });
  }

  it('replays on a worker that OpenTelemetry follows, though it began on one that was not', async function () {
    this.timeout(120_000);
    const traced = await replay({ traced: true });
    assert.deepEqual([...traced.keys()].sort(), [...names].sort());
    for (const [name, error] of traced) assert.ifError(error && new Error(name, { cause: error }));
  });

  it('is there for each outcome', () => {
    for (const outcome of outcomes) {
      const found = names.filter((name) => name === outcome || name.startsWith(`${outcome}-`));
      assert.ok(found.length > 0, `no history of ${outcome}`);
    }
  });

  it('names no machine', () => {
    for (const name of names) {
      const text = JSON.stringify(read(name));
      const identities = new Set([...text.matchAll(/"identity":"([^"]*)"/g)].map(([, identity]) => identity));
      assert.deepEqual([...identities], ['recorder'], name);
      assert.doesNotMatch(text, /node_modules|file:\/\//);
    }
  });
});
