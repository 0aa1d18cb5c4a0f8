/** docker-compose.temporal.yml as the real Compose reads it. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { composeOnly } from '../lab/docker-shim.ts';
import { needs } from '../lab/needs.ts';
import { composeFile } from '../lab/production-compose.ts';

interface Service {
  image: string;
  restart?: string;
  healthcheck?: { test?: string[]; disable?: boolean };
  depends_on?: Record<string, { condition: string }>;
  ports?: { host_ip?: string; published: string; target: number }[];
  environment?: Record<string, string>;
  volumes?: { type: string; source: string; target: string; read_only?: boolean }[];
}

describe('docker-compose.temporal.yml', function () {
  this.timeout(60_000);
  needs('compose');
  /** Everything that has no default. */
  const required = {
    TEMPORAL_DB_PASSWORD: 'canary-of-the-database',
    DBC_PAYLOAD_KEY: 'canary-of-the-codec',
    DBC_CONFIG_DIR: '/srv/deploy',
  };
  let dir: string;
  let env: Record<string, string>;
  let services: Record<string, Service>;

  before(async () => {
    dir = mkdtempSync(join(tmpdir(), 'dbc-compose-'));
    env = await composeOnly(dir);
    const { status, stdout, stderr } = config(required);
    assert.equal(status, 0, stderr);
    ({ services } = JSON.parse(stdout));
  });
  after(() => rmSync(dir, { recursive: true, force: true }));

  // Of another folder: an `.env` beside the file is the user's own.
  const config = (variables: Record<string, string>) =>
    spawnSync('docker', ['compose', '--project-directory', dir, '-f', composeFile, 'config', '--format', 'json'], {
      env: { ...env, ...variables },
      encoding: 'utf8',
    });

  for (const name of Object.keys(required)) {
    it(`is refused without ${name}, with the name and what to do`, () => {
      const { [name]: _, ...others } = required as Record<string, string>;
      for (const variables of [others, { ...others, [name]: '' }]) {
        const { status, stderr } = config(variables);
        assert.notEqual(status, 0);
        assert.match(stderr, new RegExp(`required variable ${name} is missing a value: \\w+`));
      }
    });
  }

  it('pins every image to one version', () => {
    for (const [name, { image }] of Object.entries(services)) {
      assert.match(
        image,
        /^(?:temporalio\/\w[\w-]*:\d+\.\d+\.\d+|postgres:\d+\.\d+-bookworm|deploy-by-commit:local)$/,
        name,
      );
    }
    assert.equal(services['schema']?.image.split(':')[1], services['temporal']?.image.split(':')[1]);
  });

  it('publishes Temporal, its UI and what decrypts for it on loopback only, and nothing else', () => {
    const published = Object.entries(services).flatMap(([name, { ports = [] }]) =>
      ports.map(({ host_ip, published, target }) => `${name} ${host_ip}:${published} → ${target}`),
    );
    assert.deepEqual(published.sort(), [
      'codec 127.0.0.1:8888 → 8888',
      'temporal 127.0.0.1:7233 → 7233',
      'ui 127.0.0.1:8080 → 8080',
    ]);
  });

  it('restarts what serves, watches its health, and lets jobs end', () => {
    // The worker's check comes with its image.
    const kinds = Object.entries(services).map(([name, { restart, healthcheck }]) => [
      name,
      restart,
      healthcheck?.test?.[0],
    ]);
    assert.deepEqual(kinds.sort(), [
      ['codec', 'unless-stopped', 'CMD'],
      ['namespace', 'on-failure:10', undefined],
      ['postgresql', 'unless-stopped', 'CMD'],
      ['schema', 'on-failure:10', undefined],
      ['setup', 'on-failure:10', undefined],
      ['temporal', 'unless-stopped', 'CMD'],
      ['ui', 'unless-stopped', 'CMD'],
      ['worker', 'unless-stopped', undefined],
    ]);
  });

  it('starts each only when what it needs is there', () => {
    const order = Object.entries(services).flatMap(([name, { depends_on = {} }]) =>
      Object.entries(depends_on).map(([needed, { condition }]) => `${name}: ${needed} ${condition}`),
    );
    assert.deepEqual(order.sort(), [
      'namespace: temporal service_healthy',
      'schema: postgresql service_healthy',
      'setup: worker service_healthy',
      'temporal: schema service_completed_successfully',
      'ui: temporal service_healthy',
      'worker: namespace service_completed_successfully',
    ]);
  });

  it('gives each secret only to what needs it, and the SSH keys to the worker alone, which cannot write them', () => {
    const holders = (secret: string) =>
      Object.entries(services)
        .filter(([, { environment = {} }]) => Object.values(environment).includes(secret))
        .map(([name]) => name)
        .sort();
    assert.deepEqual(holders(required.TEMPORAL_DB_PASSWORD), ['postgresql', 'schema', 'temporal']);
    assert.deepEqual(holders(required.DBC_PAYLOAD_KEY), ['codec', 'setup', 'worker']);
    const mounts = Object.entries(services).flatMap(([name, { volumes = [] }]) =>
      volumes.map(({ type, source, read_only = false }) => ({ name, type, source, read_only })),
    );
    assert.deepEqual(mounts, [
      { name: 'postgresql', type: 'volume', source: 'database', read_only: false },
      { name: 'worker', type: 'bind', source: '/srv/deploy', read_only: true },
    ]);
  });
});
