/** Random rounds with fixed seeds. `DBC_CHAOS_ROUNDS` makes it shorter or longer; `npm run chaos` looks for new ways to break. */
import assert from 'node:assert/strict';
import { needs } from '../lab/needs.ts';
import { runChaos } from './run.ts';

const seeds = [1, 2];
/** With each seed. Together they take one or two minutes on two cores. */
const rounds = Number(process.env['DBC_CHAOS_ROUNDS'] ?? 3);

describe('whatever happens to it', function () {
  this.timeout(30 * 60_000);
  needs('docker', 'compose', 'namespaces', 'sshd', 'base-images');

  for (const seed of seeds) {
    it(`a deploy leaves one release on every host, and nothing of itself (seed ${seed}, ${rounds} rounds)`, async () => {
      const output: string[] = [];
      const log = (line: string) => output.push(line);
      const summary = await runChaos({
        seed,
        rounds: Array(rounds).keys(),
        lanes: 1,
        keepGoing: false,
        log,
      });
      assert.equal(summary.broken.length, 0, [...output, String(summary)].join('\n'));
      assert.equal(summary.rounds, rounds);
    });
  }
});
