import { quote, quoteAll } from '../../src/domain/shell-quote.ts';
import type { ServiceRung } from './port.ts';

/**
 * `restart` keeps the containers, with the environment that they were made with; `recreate` makes new ones from the
 * images that this deploy has built. Nothing is built: a release is one set of images, and `verify` demands these.
 */
export function recoverScript(compose: string, rung: ServiceRung, waitMs: number): string {
  switch (rung.rung) {
    case 'restart':
      return `${compose} restart ${quoteAll(rung.services)}\n`;
    case 'recreate':
      return `${compose} up -d --no-build --no-deps --force-recreate ${quoteAll(rung.services)}\n`;
    case 'restart-database': {
      const then = rung.services.length > 0 ? `${compose} restart ${quoteAll(rung.services)}\n` : '';
      return `${compose} restart ${quote(rung.database)}\n${untilHealthy(compose, rung.database, waitMs)}${then}`;
    }
  }
}

/** Of a service without a health check that it runs; whoever needs the database is not to find it half started. */
const untilHealthy = (compose: string, service: string, waitMs: number): string =>
  `SECONDS=0
until [ "$(docker inspect --format '{{if .State.Health}}{{.State.Health.Status}}{{else}}{{.State.Status}}{{end}}' $(${compose} ps -q ${quote(service)}) | sed s/^running$/healthy/ | sort -u)" = healthy ]; do
  if [ "$SECONDS" -ge ${Math.ceil(waitMs / 1000)} ]; then echo ${quote(`${service} is not healthy after its restart`)}; exit 1; fi
  sleep 0.5
done
`;
