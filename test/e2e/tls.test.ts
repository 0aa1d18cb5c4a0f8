/** A Temporal behind TLS, reached through Temporal's own variables, as docs/production.md tells for Temporal Cloud. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { needs } from '../lab/needs.ts';
import { startTemporal, type TemporalServer } from '../lab/temporal.ts';
import {
  type Certificates,
  clientCertificateFront,
  type Front,
  makeCertificates,
  refusingFront,
} from '../lab/tls-front.ts';
import { writeUnreached } from '../lab/unreached.ts';
import { until } from '../lab/until.ts';
import { dbc, type Running, startDbc } from '../unit/dbc-process.ts';

describe('dbc, with a Temporal behind TLS', function () {
  this.timeout(60_000);
  needs('openssl');
  let dir: string;
  let configPath: string;
  let certificates: Certificates;
  let temporal: TemporalServer;
  let front: Front;
  let serving: Running | undefined;

  before(async () => {
    dir = mkdtempSync(join(tmpdir(), 'dbc-tls-'));
    certificates = makeCertificates(dir);
    configPath = writeUnreached(dir);
    temporal = await startTemporal({ persistent: false });
    front = await clientCertificateFront(certificates, Number(temporal.address.split(':')[1]));
  });
  after(async () => {
    serving?.kill('SIGTERM');
    await serving?.done;
    front?.close();
    await temporal?.stop();
    rmSync(dir, { recursive: true, force: true });
  });

  const authority = () => ({ TEMPORAL_TLS_SERVER_CA_CERT_PATH: certificates.ca });

  it('shows its client certificate, as a worker and as a client', async () => {
    const env = {
      ...authority(),
      TEMPORAL_ADDRESS: front.address,
      TEMPORAL_TLS_CLIENT_CERT_PATH: certificates.client.cert,
      TEMPORAL_TLS_CLIENT_KEY_PATH: certificates.client.key,
    };
    serving = startDbc(['serve', '--config', configPath], env);
    await until(() => serving?.said().includes('Serving production') === true, { timeoutMs: 40_000 });
    const { code, stdout } = await dbc(['doctor'], env);
    assert.equal(code, 0, stdout);
    assert.match(stdout, new RegExp(`${front.address}[\\s\\S]*worker: \\S+ polled`));
  });

  it('cannot reach it without the certificate, exits 6, and says which settings it may be', async () => {
    const { code, stderr, stdout } = await dbc(['status'], { ...authority(), TEMPORAL_ADDRESS: front.address });
    assert.equal(code, 6, stdout);
    assert.match(stderr, /Temporal at localhost:\d+ cannot be reached over TLS[\s\S]*TEMPORAL_TLS_CLIENT_CERT_PATH/);
  });

  it('sends its API key, and says what to check when it is refused, without showing it', async () => {
    const keys = new Set<string>();
    const refusing = await refusingFront(certificates, keys);
    const env = { ...authority(), TEMPORAL_ADDRESS: refusing.address, TEMPORAL_API_KEY: 'canary-key' };
    const { code, stderr, stdout } = await dbc(['status'], env);
    refusing.close();
    assert.deepEqual([...keys], ['Bearer canary-key']);
    assert.equal(code, 6, stderr);
    assert.match(stderr, /refuses this client: .*\n.*Check TEMPORAL_API_KEY/);
    assert.doesNotMatch(`${stdout}${stderr}`, /canary/);
  });
});
