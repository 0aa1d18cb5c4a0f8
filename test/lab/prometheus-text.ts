/** What a scrape of Prometheus' text format says exists: no values. */
export interface ScrapedMetric {
  type: string;
  labels: Set<string>;
}

/** Metrics by name; those of a histogram under its own name and under what queries call its parts. */
export function scrapedMetrics(...scrapes: string[]): Map<string, ScrapedMetric> {
  const metrics = new Map<string, ScrapedMetric>();
  for (const line of scrapes.flatMap((scrape) => scrape.split('\n'))) {
    const [, family, type] = /^# TYPE (\S+) (\S+)$/.exec(line) ?? [];
    if (family && type) {
      const parts = type === 'histogram' ? ['_bucket', '_sum', '_count'] : [];
      for (const name of ['', ...parts].map((part) => family + part)) {
        if (!metrics.has(name)) metrics.set(name, { type, labels: new Set() });
      }
    }
    const [, name = '', labels = ''] = /^([a-z]\w*)(?:\{(.*)\})? \S+$/.exec(line) ?? [];
    for (const [, label = ''] of labels.matchAll(/(\w+)="(?:[^"\\]|\\.)*"/g)) metrics.get(name)?.labels.add(label);
  }
  return metrics;
}
