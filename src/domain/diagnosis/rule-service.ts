import type { ServiceFacts } from './compose-config.ts';

/**
 * The service that a health rule is about: the one whose name shares words with the rule's, words that no other
 * service has, as `market updater` and `market-updater-aws`; else the one that publishes the port of its URL.
 */
export function serviceOfRule(
  { rule, url }: { rule: string; url: string },
  services: readonly Pick<ServiceFacts, 'service' | 'published'>[],
): string | undefined {
  const asked = new Set(words(rule));
  const counted = services.map(({ service }) => ({
    service,
    shared: words(service).filter(
      (word) =>
        asked.has(word) && services.every((other) => other.service === service || !words(other.service).includes(word)),
    ).length,
  }));
  const most = Math.max(0, ...counted.map(({ shared }) => shared));
  const best = counted.filter(({ shared }) => shared === most);
  if (most > 0 && best.length === 1) return best[0]?.service;
  const port = portOf(url);
  return services.find(({ published }) => port !== undefined && published.includes(port))?.service;
}

const words = (name: string): string[] =>
  name
    .toLowerCase()
    .split(/[^a-z0-9]+/)
    .filter((word) => word.length > 2);

function portOf(url: string): number | undefined {
  if (!URL.canParse(url)) return undefined;
  const { port, protocol } = new URL(url);
  return port === '' ? { 'http:': 80, 'https:': 443 }[protocol] : Number(port);
}
