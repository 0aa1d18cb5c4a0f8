import { spawn } from 'node:child_process';
import { timingSafeEqual } from 'node:crypto';
import type { AddressInfo } from 'node:net';
import ssh2 from 'ssh2';

export interface SandboxSsh {
  port: number;
  stop(): Promise<void>;
}

/**
 * An SSH server on loopback for machines without sshd. It runs what it is told as the user who started the demo, for
 * the holder of one key; commands outlive their connection, as with OpenSSH.
 */
export async function startSandboxSsh(options: {
  hostKey: string;
  authorizedKey: string;
  home: string;
  /** More variables of every session. */
  env: Record<string, string>;
}): Promise<SandboxSsh> {
  const allowed = ssh2.utils.parseKey(options.authorizedKey);
  if (allowed instanceof Error) throw allowed;
  const connections = new Set<ssh2.Connection>();
  const server = new ssh2.Server({ hostKeys: [options.hostKey] }, (client) => {
    connections.add(client);
    client.on('error', () => client.end());
    client.on('close', () => connections.delete(client));
    client.on('authentication', (context) => {
      const key = context.method === 'publickey' ? context : undefined;
      const same = key?.key.data.length === allowed.getPublicSSH().length;
      const known = key && same && timingSafeEqual(key.key.data, allowed.getPublicSSH());
      // Without a signature the client only asks whether the key would do.
      const proven =
        !key?.signature || allowed.verify(key.blob ?? Buffer.alloc(0), key.signature, key.hashAlgo) === true;
      if (known && proven) context.accept();
      else context.reject(['publickey']);
    });
    client.on('session', (accept) => {
      accept().on('exec', (acceptExec, _reject, { command }) =>
        run(acceptExec(), command, { ...process.env, ...options.env, HOME: options.home }),
      );
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    stop: async () => {
      for (const connection of connections) connection.end();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

function run(channel: ssh2.ServerChannel, command: string, env: NodeJS.ProcessEnv): void {
  const child = spawn('/bin/sh', ['-c', command], { cwd: env['HOME'], env });
  channel.pipe(child.stdin);
  child.stdin.on('error', () => {});
  child.stdout.pipe(channel, { end: false });
  child.stderr.pipe(channel.stderr, { end: false });
  child.on('close', (code, signal) => {
    if (signal) channel.exit(signal.replace('SIG', ''), false, '');
    else channel.exit(code ?? 1);
    channel.end();
  });
}
