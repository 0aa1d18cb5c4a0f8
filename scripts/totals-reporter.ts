/** Mocha's spec report, with the totals left in the file that DBC_TEST_TOTALS names, for scripts/test.ts. */
import { writeFileSync } from 'node:fs';
import Mocha from 'mocha';

export default class TotalsReporter extends Mocha.reporters.Spec {
  constructor(runner: Mocha.Runner, options?: Mocha.MochaOptions) {
    super(runner, options);
    const file = process.env['DBC_TEST_TOTALS'];
    runner.once('end', () => {
      if (file !== undefined) writeFileSync(file, JSON.stringify(runner.stats));
    });
  }
}
