import type { DeployReport } from '../../src/contracts/deploy.ts';
import type { RecordedWork } from '../../src/contracts/recorded-work.ts';

/** Everything at once that means something in HTML, in Markdown or on GitHub. */
export const hostileText = [
  '<script>window.hacked = 1</script><img src="https://evil.example/a.png" onerror="window.hacked = 1">',
  `"' onmouseover="window.hacked = 1" autofocus onfocus='window.hacked = 1' </pre></style></title></li></td>-->`,
  '` `` ```` | \\| [evil](javascript:window.hacked=1) ![evil](https://evil.example/b.png) @evil #1 https://evil.example',
  '```',
  '# evil',
  '| evil | evil |',
  `</details><a href="https://evil.example">evil</a> &lt;evil&gt; ${'verylongword'.repeat(30)}`,
].join('\n');

/** What says in which state something is, and when; what is left comes from hosts, from git and from people. */
const ours = /^(?:step|leg|state|kind|phase|outcome|deploy|mode|.*At|at|by|end|activity|summary)$/;

const hostile = <T>(value: T, key = ''): T => {
  if (typeof value === 'string') return (ours.test(key) ? value : hostileText) as T;
  if (Array.isArray(value)) return value.map((item) => hostile(item, key)) as T;
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, hostile(item, name)])) as T;
};

/** The same deploy, in which everything that others may write is an attack. */
export function hostileDeploy({ view, work }: { view: DeployReport; work: RecordedWork[] }) {
  const attacked = hostile(view);
  for (const host of attacked.hosts) {
    host.manualChanges = [hostileText];
    host.untracked = [hostileText];
    host.savedRef = hostileText;
    host.warnings = [hostileText];
  }
  return {
    view: {
      ...attacked,
      reason: hostileText,
      warnings: [hostileText],
      abort: { by: hostileText, reason: hostileText, at: view.startedAt, accepted: true },
    },
    // The input tells which host it was.
    work: work.map((each) => ({
      ...hostile(each),
      input: each.input,
      summary: `${each.summary} ${hostileText}`,
      retriedAfter: hostileText,
      failure: hostileText,
    })),
  };
}
