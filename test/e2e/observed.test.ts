/** What a worker shows of its deploys to those who watch it: metrics, a log for machines, traces. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client, Connection } from '@temporalio/client';
import { Worker } from '@temporalio/worker';
import { parse } from 'yaml';
import { workflowBundle } from '../../worker/bundle.ts';
import { quietRuntime } from '../../worker/runtime.ts';
import { answer, type HttpReceiver, startHttpReceiver } from '../lab/http-receiver.ts';
import { needs } from '../lab/needs.ts';
import { makeTinyOrigin } from '../lab/origin.ts';
import { freePort } from '../lab/ports.ts';
import { root } from '../lab/program.ts';
import { type ScrapedMetric, scrapedMetrics } from '../lab/prometheus-text.ts';
import { asked } from '../lab/promql.ts';
import { sshOutput } from '../lab/ssh-client.ts';
import { type SshHost, startSshHost } from '../lab/ssh-host.ts';
import { startTemporal, type TemporalServer } from '../lab/temporal.ts';
import { tinyConfig } from '../lab/tiny-config.ts';
import { until } from '../lab/until.ts';
import { dbc, type Running, startDbc } from '../unit/dbc-process.ts';

interface Span {
  traceId: string;
  spanId: string;
  parentSpanId?: string;
  name: string;
  attributes: { key: string; value: { stringValue?: string } }[];
}

describe('a worker that is watched', function () {
  this.timeout(120_000);
  needs('sshd');
  let dir: string;
  let host: SshHost;
  let temporal: TemporalServer;
  let collector: HttpReceiver;
  /** A collector for what is no JSON. */
  let others: HttpReceiver;
  let env: Record<string, string>;
  let serving: Running;
  let commit: string;
  let url: string;
  /** Before a deploy, during it, and after it and another one that fails. */
  const scrapes: string[] = [];
  let metrics: Map<string, ScrapedMetric>;

  before(async () => {
    dir = mkdtempSync(join(tmpdir(), 'dbc-observed-'));
    const origin = await makeTinyOrigin(join(dir, 'tiny'));
    [host, temporal, collector, others] = await Promise.all([
      startSshHost({ alias: 'web-1' }),
      startTemporal({ persistent: false }),
      startHttpReceiver(answer(200, '{}')),
      startHttpReceiver(answer(200, '')),
    ]);
    await sshOutput(host, `git clone -q ${origin.path} app && cd app && ./build && ./start`);
    commit = await origin.commitFiles({ 'build-seconds': '2\n' });
    const config = join(dir, 'deploy.yaml');
    writeFileSync(config, tinyConfig(host, origin.healthUrl, { recovery: 0 }));
    const listen = `127.0.0.1:${await freePort()}`;
    env = {
      ...temporal.env,
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
      OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
      OTEL_BSP_SCHEDULE_DELAY: '100',
    };
    serving = startDbc(['serve', '--config', config, '--listen', listen, '--log-format', 'json'], env);
    await until(() => serving.said().includes('Serving production'), { timeoutMs: 40_000 });
    url = `http://${listen}`;
    const scrape = async () => void scrapes.push(await (await fetch(`${url}/metrics`)).text());
    await scrape();
    const deploy = (asked: string) => dbc(['deploy', 'production', '--commit', asked], env);
    let deploying = true;
    const deployed = deploy(commit).finally(() => {
      deploying = false;
    });
    for (; deploying; await sleep(300)) await scrape();
    const { code, stderr } = await deployed;
    assert.equal(code, 0, stderr);
    assert.equal((await deploy('deadbeef')).code, 2);
    await scrape();
    metrics = scrapedMetrics(...scrapes);
  });
  after(async () => {
    serving?.kill('SIGTERM');
    await serving?.done;
    await Promise.all([host?.stop(), temporal?.stop(), collector?.stop(), others?.stop()]);
    rmSync(dir, { recursive: true, force: true });
  });

  const lineOf = (scrape = '', start: string) => scrape.split('\n').find((line) => line.startsWith(start));
  const numberOf = (scrape: string | undefined, start: string) => Number(lineOf(scrape, start)?.split(' ').at(-1));

  describe('in its metrics', () => {
    it('counts deploys by outcome, from zero, and times their steps', () => {
      const succeeded = 'dbc_deploys_total{target="production",kind="deploy",outcome="succeeded"}';
      assert.deepEqual(
        [scrapes[0], scrapes.at(-1)].map((scrape) => numberOf(scrape, succeeded)),
        [0, 1],
      );
      const refused = 'dbc_deploys_total{target="production",kind="deploy",outcome="not-applied"}';
      assert.equal(numberOf(scrapes.at(-1), refused), 1);
      const build = 'target="production",step="build",outcome="done"';
      assert.equal(numberOf(scrapes.at(-1), `dbc_step_duration_seconds_count{${build}}`), 1);
      const seconds = numberOf(scrapes.at(-1), `dbc_step_duration_seconds_sum{${build}}`);
      assert.ok(seconds > 2 && seconds < 30, String(seconds));
      const failed = 'dbc_step_failures_total{target="production",step="fetch",error="CommitNotFound"}';
      assert.equal(numberOf(scrapes.at(-1), failed), 1);
    });

    it('shows a step while it runs, its heartbeats and the command that it follows, and no more afterwards', () => {
      const beat = 'dbc_step_heartbeat_age_seconds{target="production",host="web-1",step="build"}';
      const during = scrapes.filter((scrape) => lineOf(scrape, beat) !== undefined);
      assert.ok(during.length > 2, `${during.length} of ${scrapes.length}`);
      for (const scrape of during) assert.ok(numberOf(scrape, beat) < 6, lineOf(scrape, beat));
      assert.ok(during.some((scrape) => numberOf(scrape, 'dbc_remote_jobs_followed{target="production"}') === 1));
      const running = 'dbc_deploy_running_seconds{target="production",kind="deploy",phase="build"}';
      assert.ok(during.some((scrape) => numberOf(scrape, running) > 0));
      assert.deepEqual(
        ['dbc_step_heartbeat_age_seconds{', 'dbc_deploy_running_seconds{'].map((name) => lineOf(scrapes.at(-1), name)),
        [undefined, undefined],
      );
    });

    it('tells of the one SSH connection, and how the target stands as Temporal knows it', () => {
      const last = scrapes.at(-1);
      assert.deepEqual([numberOf(last, 'dbc_ssh_connections '), numberOf(last, 'dbc_ssh_handshakes_total ')], [1, 1]);
      assert.deepEqual(
        [numberOf(last, 'dbc_temporal_up '), numberOf(last, 'dbc_target_needs_operator{target="production"}')],
        [1, 0],
      );
      const succeededAt = numberOf(last, 'dbc_target_last_success_timestamp_seconds{target="production"}');
      assert.ok(Math.abs(Date.now() / 1000 - succeededAt) < 120, String(succeededAt));
    });

    it('has what docs/observability.md lists, with those labels, and nothing else of its own', () => {
      const page = readFileSync(join(root, 'docs/observability.md'), 'utf8');
      const rows = [...page.matchAll(/^\| `((?:dbc|temporal)_\w+)` \| ([^|]+) \|/gm)];
      const listed = new Map(rows.map(([, name = '', labels = '']) => [name, labels.match(/\w+/g) ?? []]));
      const families = [...metrics].filter(([name]) => !/_(?:bucket|sum|count)$/.test(name));
      assert.deepEqual(
        families
          .map(([name]) => name)
          .filter((name) => name.startsWith('dbc_'))
          .sort(),
        [...listed.keys()].filter((name) => name.startsWith('dbc_')).sort(),
      );
      for (const [name, labels] of listed) {
        const { type, labels: found } = metrics.get(name) ?? assert.fail(`no metric ${name}`);
        const has = type === 'histogram' ? (metrics.get(`${name}_count`)?.labels ?? found) : found;
        const own = [...has].filter((label) => name.startsWith('dbc_') || labels.some((each) => each === label));
        assert.deepEqual(own.sort(), [...labels].sort(), name);
      }
    });
  });

  describe('for Grafana and Prometheus', () => {
    const dashboard = JSON.parse(readFileSync(join(root, 'docs/grafana/deploy-by-commit.json'), 'utf8'));
    const { groups } = parse(readFileSync(join(root, 'docs/prometheus/rules.yml'), 'utf8'));
    /** Prometheus adds these. */
    const added = ['instance', 'job'];

    for (const [what, queries] of [
      ['the dashboard', strings(dashboard, 'expr')],
      ['the alerts', strings(groups, 'expr')],
    ] as const) {
      it(`has every metric and label in the queries of ${what}`, () => {
        assert.ok(queries.length > 5);
        for (const query of queries) {
          const { metrics: names, labels } = asked(query);
          const known = new Set([...added, ...names.flatMap((name) => [...(metrics.get(name)?.labels ?? [])])]);
          const missing = [
            ...names.filter((name) => !metrics.has(name)),
            ...labels.filter((label) => !known.has(label)),
          ];
          assert.deepEqual([names.length > 0, missing], [true, []], query);
        }
      });
    }

    it('refuses a query that Prometheus would refuse', () => {
      assert.throws(() => asked('sum by (target (rate(dbc_deploys_total[5m])'), SyntaxError);
    });
  });

  describe('in its log of JSON', () => {
    const lines = () =>
      serving
        .said()
        .split('\n')
        .filter((line) => line !== '')
        .map((line): Record<string, unknown> => JSON.parse(line));

    it('tells of every step with target, commit and host, and of the end of the deploy', () => {
      const done = lines().filter(({ message }) => /^\w+ done$/.test(String(message)));
      const steps = ['inspect', 'fetch', 'reset', 'build', 'start', 'verify', 'record', 'releaseLease'];
      assert.deepEqual(
        done.slice(0, steps.length).map(({ step }) => step),
        steps,
      );
      const build = done.find(({ step }) => step === 'build');
      const { time, seconds, deploy, trace_id: trace, span_id: span, ...facts } = build ?? {};
      assert.deepEqual(facts, {
        level: 'info',
        message: 'build done',
        target: 'production',
        commit,
        step: 'build',
        host: 'web-1',
        outcome: 'done',
        attempt: 1,
        workflowId: 'deploy/production',
      });
      assert.ok(Number(seconds) > 2 && Date.parse(String(time)) > 0);
      assert.match(`${trace} ${span}`, /^[0-9a-f]{32} [0-9a-f]{16}$/);
      const ended = lines().find(({ message }) => message === 'deploy ended: succeeded');
      assert.deepEqual([ended?.['target'], ended?.['commit'], ended?.['deploy']], ['production', commit, deploy]);
    });

    it('tells why a step failed, and of nothing that is wrong with the worker', () => {
      const wrong = lines().filter(({ level }) => level !== 'info');
      assert.deepEqual(
        wrong.map(({ message }) => message),
        ['fetch failed', 'deploy ended: not-applied'],
      );
      assert.match(String(wrong[0]?.['error']), /^CommitNotFound: /);
    });
  });

  it('leaves histories that one without OpenTelemetry goes on with', async () => {
    const connection = await Connection.connect({ address: temporal.address });
    const deploys = new Client({ connection }).workflow.list({ query: "WorkflowId = 'deploy/production'" });
    quietRuntime(() => {});
    const code = { workflowBundle: await workflowBundle({ traced: false }) };
    const errors: unknown[] = [];
    for await (const { error } of Worker.runReplayHistories(code, deploys.intoHistories())) errors.push(error);
    await connection.close();
    assert.deepEqual(errors, [undefined, undefined]);
  });

  describe('in its traces', () => {
    const spans = () =>
      collector.received.flatMap(({ body }) =>
        JSON.parse(body).resourceSpans.flatMap(({ scopeSpans }: { scopeSpans: { spans: Span[] }[] }) =>
          scopeSpans.flatMap((scope) => scope.spans),
        ),
      ) as Span[];
    /** A question that a workflow answers; what is said beside the answer. */
    const health = async (variables: Record<string, string>) => {
      const { code, stderr } = await dbc(['health', 'production'], { ...env, ...variables });
      assert.equal(code, 0, stderr);
      return stderr;
    };
    const facts = ({ attributes }: Span) =>
      Object.fromEntries(attributes.map(({ key, value }) => [key, value.stringValue]));

    it('makes the client, the workflow and every step of a deploy one trace', async () => {
      await until(() => spans().filter(({ name }) => name === 'RunWorkflow:DeployWorkflow').length === 2);
      const start = spans().find(({ name }) => name === 'StartWorkflow:DeployWorkflow') ?? assert.fail('no start');
      const trace = spans().filter(({ traceId }) => traceId === start.traceId);
      const child = (name: string, parent: Span | undefined) =>
        trace.find((span) => span.name === name && span.parentSpanId === parent?.spanId);
      const workflow = child('RunWorkflow:DeployWorkflow', start);
      assert.deepEqual(
        workflow && [facts(workflow)['dbc.target'], facts(workflow)['dbc.commit'], facts(workflow)['dbc.outcome']],
        ['production', commit, 'succeeded'],
      );
      for (const step of ['inspect', 'fetch', 'reset', 'build', 'start', 'verify', 'record', 'releaseLease']) {
        const ran = child(`RunActivity:${step}`, child(`StartActivity:${step}`, workflow));
        assert.ok(ran, `${step} in ${trace.map(({ name }) => name).join(', ')}`);
        const { 'dbc.target': target, 'dbc.step': told, 'dbc.host': where, 'dbc.commit': sha } = facts(ran);
        assert.deepEqual([target, told, where], ['production', step, 'web-1']);
        if (!['inspect', 'releaseLease'].includes(step)) assert.equal(sha, commit, step);
      }
    });

    it('belongs to the trace of who starts it, when that one says so', async () => {
      const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';
      await health({ TRACEPARENT: `00-${traceId}-00f067aa0ba902b7-01` });
      const started = spans().find(({ name }) => name === 'StartWorkflow:InspectWorkflow');
      assert.deepEqual([started?.traceId, started?.parentSpanId], [traceId, '00f067aa0ba902b7']);
    });

    it('comes as protobuf when nobody asks for JSON', async () => {
      const before = others.received.length;
      await health({ OTEL_EXPORTER_OTLP_ENDPOINT: others.url, OTEL_EXPORTER_OTLP_PROTOCOL: '' });
      const [sent] = others.received.slice(before);
      assert.deepEqual([sent?.path, sent?.headers['content-type']], ['/v1/traces', 'application/x-protobuf']);
    });

    it('is worth no failed command: what cannot be sent, and what is not there to send it, is said', async () => {
      const gone = await health({ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:1' });
      assert.match(gone, /^OpenTelemetry: spans cannot be sent: .*ECONNREFUSED/m);
      const grpc = await health({ OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' });
      assert.match(grpc, /expected OTEL_EXPORTER_OTLP_PROTOCOL to be http\/protobuf or http\/json, found "grpc"/);
      assert.doesNotMatch(await health({ OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc', OTEL_SDK_DISABLED: 'true' }), /OpenT/);
    });

    it('has no span for the questions of those who follow the deploy', () => {
      assert.deepEqual(
        spans()
          .map(({ name }) => name)
          .filter((name) => /Query|Describe/.test(name)),
        [],
      );
    });
  });

  describe('while Temporal is away', () => {
    it('goes on telling of itself, claims nothing of its targets, and ends in order', async () => {
      await temporal.kill9();
      const started = performance.now();
      const scrape = await (await fetch(`${url}/metrics`)).text();
      assert.ok(performance.now() - started < 10_000, 'Prometheus would have given up');
      assert.deepEqual([numberOf(scrape, 'dbc_temporal_up '), lineOf(scrape, 'dbc_target_')], [0, undefined]);
      assert.match(scrape, /^temporal_worker_task_slots_available\{/m);
      serving.kill('SIGTERM');
      assert.equal((await serving.done).code, 0);
    });
  });
});

/** Every text under this key, wherever it stands. */
function strings(value: unknown, key: string): string[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([name, item]) =>
    name === key && typeof item === 'string' ? [item] : strings(item, key),
  );
}
