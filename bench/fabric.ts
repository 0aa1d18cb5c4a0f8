/** Fabric, as its users run it: one Python process, one connection, a call for each command. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { SshHost } from '../test/lab/ssh-host.ts';

/** The Python of a virtual environment with Fabric in it, made when it is not there. */
export function fabricPython(cache: string): string {
  const python = join(cache, 'fabric/bin/python');
  if (!existsSync(python)) {
    mkdirSync(cache, { recursive: true });
    execFileSync('python3', ['-m', 'venv', join(cache, 'fabric')]);
    execFileSync(python, ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', 'fabric==3.2.2'], {
      stdio: 'inherit',
    });
  }
  return python;
}

export function fabricScript({ host, privateKeyPath }: SshHost, recipe: string[]): string {
  const [cd = '', ...commands] = recipe;
  const folder = cd.replace('cd ', '');
  return `from fabric import Connection
c = Connection(${JSON.stringify(host.address)}, user=${JSON.stringify(host.user)}, port=${host.port},
               connect_kwargs={"key_filename": ${JSON.stringify(privateKeyPath)}})
with c.cd(${JSON.stringify(folder)}):
${commands.map((command) => `    c.run(${JSON.stringify(command)}, hide=True)`).join('\n')}
c.close()
`;
}
