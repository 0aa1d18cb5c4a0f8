import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createServer } from 'node:net';
import {
  collide,
  parseProcNet,
  parseSs,
  portsOfBindings,
  portsOfColumn,
  portsOfConfig,
} from '../../src/domain/listeners.ts';

describe('what listens on a host', () => {
  it('is read from `ss`, with the process where it is ours to see', () => {
    assert.deepEqual(
      parseSs([
        'tcp   LISTEN 0      4096       127.0.0.1:45521      0.0.0.0:*    users:(("my node",pid=20056,fd=9),("x",pid=1,fd=2))',
        'tcp   LISTEN 0      511                *:8002             *:*',
        'tcp   LISTEN 0      4096           [::1]:631           [::]:*',
        'udp   UNCONN 0      0      127.0.0.53%lo:53        0.0.0.0:*',
        'nonsense',
      ]),
      [
        { protocol: 'tcp', address: '127.0.0.1', port: 45521, process: 'my node (PID 20056)' },
        { protocol: 'tcp', address: '*', port: 8002 },
        { protocol: 'tcp', address: '::1', port: 631 },
        { protocol: 'udp', address: '127.0.0.53', port: 53 },
      ],
    );
  });

  it('is read from the kernel’s table where there is no `ss`', () => {
    assert.deepEqual(
      parseProcNet([
        'tcp 0100007F:1F42',
        'tcp 00000000:0016',
        'tcp6 00000000000000000000000000000000:0050',
        'tcp6 00000000000000000000000001000000:0277',
        'tcp6 0000000000000000FFFF00000100007F:1F42',
        'udp 3500007F:0035',
        'nonsense',
      ]).map(({ protocol, address, port }) => `${protocol} ${address} ${port}`),
      ['tcp 127.0.0.1 8002', 'tcp * 22', 'tcp * 80', 'tcp ::1 631', 'tcp 127.0.0.1 8002', 'udp 127.0.0.53 53'],
    );
  });

  it('is found by both ways alike on this machine', async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as { port: number };
    const lines = (command: string) => execFileSync('bash', ['-c', command], { encoding: 'utf8' }).split('\n');
    const found = [
      parseSs(lines('ss -Hlntup')),
      parseProcNet(lines(`awk '$4 == "0A" { print "tcp", $2 }' /proc/net/tcp`)),
    ].map((listeners) => listeners.find((each) => each.port === port)?.address);
    server.close();
    assert.deepEqual(found, ['127.0.0.1', '127.0.0.1']);
  });

  it('keeps a port from a service on every address, or on the same one', () => {
    const listener = (address: string) => ({ protocol: 'tcp' as const, address, port: 80 });
    const wanted = (address: string, port = 80) => ({ protocol: 'tcp' as const, address, port });
    assert.ok(collide(listener('127.0.0.1'), wanted('')));
    assert.ok(collide(listener('*'), wanted('10.0.0.1')));
    assert.ok(collide(listener('10.0.0.1'), wanted('10.0.0.1')));
    assert.ok(!collide(listener('127.0.0.1'), wanted('10.0.0.1')));
    assert.ok(!collide(listener('*'), wanted('', 81)));
    assert.ok(!collide({ ...listener('*'), protocol: 'udp' }, wanted('')));
  });
});

describe('the ports of containers', () => {
  it('are those that Compose publishes as one number', () => {
    const ports = [
      { mode: 'ingress', target: 80, published: '8002', protocol: 'tcp' },
      { host_ip: '127.0.0.1', target: 9000, published: '9000', protocol: 'tcp' },
      { target: 80, published: '9100-9102', protocol: 'tcp' },
      { target: 81, protocol: 'tcp' },
      { target: 53, published: '53', protocol: 'udp' },
    ];
    assert.deepEqual(portsOfConfig({ services: { a: { ports }, b: {} } }), [
      { service: 'a', protocol: 'tcp', address: '', port: 8002 },
      { service: 'a', protocol: 'tcp', address: '127.0.0.1', port: 9000 },
      { service: 'a', protocol: 'udp', address: '', port: 53 },
    ]);
    assert.deepEqual(portsOfConfig({}), []);
  });

  it('are those that `docker inspect` and `docker ps` say', () => {
    assert.deepEqual(portsOfBindings({ '80/tcp': [{ HostIp: '', HostPort: '8002' }], '53/udp': null }), [
      { protocol: 'tcp', address: '', port: 8002 },
    ]);
    assert.deepEqual(
      portsOfColumn('0.0.0.0:8002->80/tcp, [::]:8002->80/tcp, :::9000-9001->9000-9001/udp, 5432/tcp').map(
        ({ protocol, address, port }) => `${protocol} ${address} ${port}`,
      ),
      ['tcp 0.0.0.0 8002', 'tcp :: 8002', 'udp :: 9000', 'udp :: 9001'],
    );
  });
});
