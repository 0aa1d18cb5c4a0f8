import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** A `deploy.yaml` in that folder for a worker whose host nobody goes to. */
export function writeUnreached(dir: string): string {
  const path = join(dir, 'deploy.yaml');
  writeFileSync(
    path,
    'targets: { production: { hosts: [ann@127.0.0.1], ssh: { knownHosts: ./known }, repository: { path: /app, branch: main }, compose: {} } }\n',
  );
  return path;
}
