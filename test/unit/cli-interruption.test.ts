import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { Interruption, type OnInterrupt } from '../../src/cli/interruption.ts';
import type { DeployView } from '../../src/contracts/deploy.ts';
import { viewAt } from './cli-views.ts';

const deploy = { target: 'production', workflowId: 'deploy/production', runId: 'r' };

function scene({ mode = 'abort' as OnInterrupt, view = viewAt('build') as DeployView } = {}) {
  const said: string[] = [];
  const aborts: string[] = [];
  // Not this process: its other listeners would take the signal for the end of the tests.
  const source = new EventEmitter();
  const interruption = new Interruption({
    ...{ source, mode, by: 'alice', embedded: false },
    client: {
      progress: async () => ({ ref: deploy, view, open: true, from: 'worker', running: [] }),
      abort: async (_, { reason = '' }) => {
        aborts.push(reason);
        return { state: 'accepted', abort: { by: 'alice', reason, at: '', accepted: true } };
      },
    },
  });
  const interrupt = async (name: NodeJS.Signals = 'SIGINT') => {
    source.emit(name, name);
    await sleep(10);
  };
  const follow = () => interruption.follows(deploy, (line) => said.push(line));
  return { interruption, said, aborts, interrupt, follow };
}

describe('an interrupt', () => {
  let disposable: Interruption | undefined;
  const set = (options?: Parameters<typeof scene>[0]) => {
    const made = scene(options);
    disposable = made.interruption;
    return made;
  };
  afterEach(() => disposable?.dispose());

  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    it(`by ${name} aborts the deploy, and following goes on`, async () => {
      const { interruption, aborts, interrupt, follow } = set();
      follow();
      await interrupt(name);
      assert.deepEqual(aborts, [`interrupted (${name})`]);
      assert.ok(!interruption.signal.aborted);
    });
  }

  it('that comes before the deploy has started aborts it once it has', async () => {
    const { aborts, interrupt, follow } = set();
    await interrupt();
    assert.deepEqual(aborts, []);
    follow();
    await sleep(10);
    assert.equal(aborts.length, 1);
  });

  it('that comes twice at once, as from a terminal and from npm, counts once', async () => {
    const { interruption, aborts, interrupt, follow } = set();
    follow();
    await interrupt();
    await interrupt();
    assert.equal(aborts.length, 1);
    assert.ok(!interruption.signal.aborted);
  });

  it('a second time gives up following and sends no second abort', async () => {
    const { interruption, said, aborts, interrupt, follow } = set();
    follow();
    await interrupt();
    await sleep(350);
    await interrupt();
    assert.equal(aborts.length, 1);
    assert.ok(interruption.signal.aborted);
    assert.match(said.at(-1) ?? '', /the rollback goes on without this client.*dbc watch production/);
  });

  it('sends no abort while hosts are put back, because that would make the deploy give up', async () => {
    const { aborts, said, interrupt, follow } = set({ view: { ...viewAt('build'), phase: 'restore' } });
    follow();
    await interrupt();
    assert.deepEqual(aborts, []);
    assert.match(said.at(-1) ?? '', /being put back already/);
  });

  it('with --on-interrupt detach leaves the deploy alone', async () => {
    const { interruption, aborts, interrupt, follow } = set({ mode: 'detach' });
    follow();
    await interrupt();
    assert.deepEqual(aborts, []);
    assert.ok(interruption.signal.aborted);
  });
});
