import type { Found } from './found.ts';
import { serviceOfRule } from './rule-service.ts';
import type { Seen } from './seen.ts';
import { correctAndDeploy } from './services-wont-start.ts';
import { logOf, logsOf, restartOf } from './words.ts';

/** Everything runs, and something is not as it should be all the same. */
export function healthCheckFails(seen: Seen): Found | undefined {
  const { rules, target, outputs } = seen;
  const failed = rules.filter(({ passed }) => !passed);
  const [first, ...others] = failed;
  if (first === undefined) return undefined;
  const named = seen.named.map((each) => ({ service: each, published: [] }));
  const service = serviceOfRule(first, [...seen.facts.services, ...named]);
  const also = others.length > 0 ? `; failing too: ${others.map(({ rule }) => rule).join(', ')}` : '';
  // Where the host's own view is fine it is not the services.
  const outside = failed.every(({ from }) => from === 'worker') && rules.some(({ from }) => from === 'host');
  const outsideNext = `The host's own view is fine: look at what is between it and the worker (proxy, DNS, security group), e.g. \`curl -sI ${first.url}\``;
  const restart =
    service === undefined && seen.compose
      ? `\`dbc services ${target}\``
      : `restart it: ${restartOf(seen, service ?? '')}`;
  const insideNext =
    seen.again === undefined
      ? `Read ${logsOf(seen, service)}, then ${restart}; if it does not help: \`dbc rollback ${target}\``
      : correctAndDeploy(seen);
  return {
    mode: 'health-check-fails',
    ...(service === undefined ? {} : { service }),
    finding: `The services run, but ${first.rule} fails: ${first.observed}${also}`,
    next: outside ? outsideNext : insideNext,
    evidence: [
      {
        command: `dbc health ${target}`,
        output: failed.map(({ rule, observed, url }) => `${rule}: ${observed} (${url})`).join('\n'),
      },
      service === undefined ? undefined : logOf(seen, service),
      outputs.ps,
    ],
  };
}
