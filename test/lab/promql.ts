import { parser } from '@prometheus-io/lezer-promql';

/** What a query of Prometheus asks for. */
export interface Asked {
  metrics: string[];
  /** Labels that it selects or groups by, without `le`, which every histogram has. */
  labels: string[];
}

/** Takes a query apart with Prometheus' own grammar. Throws when it does not hold to it. Grafana's variables may stand in it. */
export function asked(query: string): Asked {
  const text = query.replaceAll(/\$__(?:range|interval|rate_interval)\b/g, '5m');
  const found: Asked = { metrics: [], labels: [] };
  parser.parse(text).iterate({
    enter({ type, from, to }) {
      const word = text.slice(from, to);
      if (type.isError) throw new SyntaxError(`${text.slice(0, from)}⟨here⟩${text.slice(from)}`);
      if (type.name === 'Identifier') found.metrics.push(word);
      if (type.name === 'LabelName' && word !== 'le') found.labels.push(word);
    },
  });
  return found;
}
