export interface ServiceFacts {
  service: string;
  image: string;
  dependsOn: string[];
  /** TCP ports of the host. */
  published: number[];
  /** Whether it is to be started again whenever it ends, so that it is no one-shot. */
  staysUp: boolean;
}

/** What `docker compose config` says of how services hang together. */
export interface ComposeFacts {
  services: ServiceFacts[];
}

/** Reads `docker compose config --format json`. What is not as expected is left out: a diagnosis takes what there is. */
export function composeFacts(json: string): ComposeFacts {
  return {
    services: Object.entries(fields(fields(parsed(json))['services'])).map(([service, value]) => {
      const { image, depends_on: dependsOn, ports, restart } = fields(value);
      return {
        service,
        image: typeof image === 'string' ? image : '',
        dependsOn: Object.keys(fields(dependsOn)),
        published: (Array.isArray(ports) ? ports : [])
          .filter((port) => fields(port)['protocol'] !== 'udp')
          .map((port) => Number(fields(port)['published']))
          .filter((port) => Number.isInteger(port) && port > 0),
        staysUp: restart === 'always' || restart === 'unless-stopped',
      };
    }),
  };
}

/** The named services, each after those that it depends on, however far; of those that do not, the given order stays. */
export function inDependencyOrder({ services }: ComposeFacts, named: readonly string[]): string[] {
  const needs = new Map(services.map(({ service, dependsOn }) => [service, dependsOn]));
  const seen = new Set<string>();
  const ordered: string[] = [];
  const visit = (service: string): void => {
    if (seen.has(service)) return;
    seen.add(service);
    for (const needed of needs.get(service) ?? []) visit(needed);
    ordered.push(service);
  };
  for (const service of named) visit(service);
  return ordered.filter((service) => named.includes(service));
}

const byName = /^(?:db|database|postgres|postgresql|mysql|mariadb|mongo|mongodb)$/;
/** With or without a registry in front and a tag behind: `docker.io/library/postgres:16`. */
const byImage = /^(?:.*\/)?(?:postgres|postgresql|postgis|timescaledb|mysql|mariadb|mongo|mongodb)(?:[:@].*)?$/;

/** The service that is the database: the one that the config names, else the one whose name, or image, is a database's. */
export function databaseService({ services }: ComposeFacts, configured?: string): string | undefined {
  if (configured !== undefined) return configured;
  const found =
    services.find(({ service }) => byName.test(service)) ?? services.find(({ image }) => byImage.test(image));
  return found?.service;
}

type Fields = Record<string, unknown>;
const fields = (value: unknown): Fields => (typeof value === 'object' && value !== null ? (value as Fields) : {});

function parsed(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}
