/** The report as people read it on GitHub. */
import assert from 'node:assert/strict';
import { markdownReport } from '../../src/domain/report/markdown.ts';
import { recordedDeploy, reportOf } from '../replay/recorded-deploy.ts';
import { hostileDeploy, hostileText } from './hostile.ts';

const markdownOf = async (name: string) => markdownReport(reportOf(await recordedDeploy(name)));

/** What is left for Markdown to read: all but fenced blocks and code spans, found as CommonMark finds them. */
const outsideCode = (markdown: string): string =>
  markdown
    .replace(/^(`{3,})text\n[\s\S]*?\n\1$/gm, '')
    .split('\n')
    .map((line) => line.replace(/(?<!`)(`+)(?!`)(?:(?!\1(?!`))[\s\S]|(?<=`)`)*?(?<!`)\1(?!`)/g, '◦'))
    .join('\n');

describe('the report in Markdown', () => {
  it('says in its first lines how it ended, which commit it was, who wanted it and what ran before', async () => {
    const text = await markdownOf('rolled-back-in-two-passes');
    assert.match(text, /^## ✗ Deployment failed; every host is back on what it ran before, verified\n/);
    const said = [/\| Commit \| `2{40}` \|/, /\| Ran before \| `1{40}` \|/, /\| By \| `sam` \|/];
    for (const each of said) assert.match(text, each);
  });

  it('tells failure, diagnosis, what to do, and what was tried', async () => {
    const text = await markdownOf('rolled-back-after-a-recovery');
    assert.match(text, /### `Failed in verify on web-1`\n\n```text\nHealthCheckFailed: verify on web-1 failed\n```/);
    assert.match(
      text,
      /### Why, on `web-1`: `Health check fails: backend`[\s\S]*\*\*What to do:\*\* `Look at its log\.`/,
    );
    assert.match(text, /\*\*Recovery\*\*\n\n- `restart of backend: did not cure it: /);
  });

  it('tells of each host what it is on, and the services and rules with their values that prove it', async () => {
    const text = await markdownOf('succeeded-on-two-hosts');
    for (const host of ['web-1', 'web-2']) {
      assert.match(text, new RegExp(`### \`${host}\` \\(\`[^\`]*\`\\): \`runs 2222222, verified \\(was 1111111\\)\``));
    }
    assert.match(text, /Commit `2{40}`, proved by what follows/);
    assert.match(text, /\| ✓ \| `system: trade system` \| `true` \|/);
  });

  it('has the times of both ways of a drill, and of a change of the env file its names', async () => {
    assert.match(await markdownOf('succeeded-drill'), /- `Back to aaaaaaa \(a{40}\): verified after [\d.]+s`/);
    assert.match(await markdownOf('succeeded-env'), /\| Variables set \| `RUN_TELEGRAM` \|/);
  });

  it('leaves nothing of what others wrote for Markdown, HTML, links or mentions to act on', async () => {
    const text = markdownReport(reportOf(hostileDeploy(await recordedDeploy('rolled-back-after-a-recovery'))));
    const read = outsideCode(text);
    assert.ok(text.split('evil').length > 100, 'the attack is in it');
    assert.doesNotMatch(read, /evil|script|hacked|@|javascript|verylong/, read);
    assert.equal(outsideCode('a `` `x` `` evil').trim(), 'a ◦ evil');
    // A bar that is not escaped would begin a cell more than the table's first row has.
    const bars = (line: string) => line.match(/(?<!\\)\|/g)?.length;
    for (const [rows] of text.matchAll(/(?:^\|.*\n)+/gm)) {
      assert.equal(new Set(rows.trim().split('\n').map(bars)).size, 1, rows);
    }
  });

  it('fits into a comment on GitHub, and counts what it had no room for', async () => {
    const { view, work } = hostileDeploy(await recordedDeploy('rolled-back-after-a-recovery'));
    const [host] = view.hosts;
    assert.ok(host);
    const hosts = Array.from({ length: 40 }, (_, index) => ({
      ...host,
      host: `web-${index}`,
      untracked: Array(500).fill(hostileText),
    }));
    const text = markdownReport(reportOf({ view: { ...view, hosts }, work }));
    assert.ok(text.length < 65_536, String(text.length));
    assert.match(text, /What there was no room for here \(\d+ sections\) is told by `dbc report --format html`\.\n$/);
  });
});
