/**
 * The imports of a TypeScript file that Biome has formatted: statements begin their line, and quotes are single. With
 * `verbatimModuleSyntax` only `import type` vanishes; `import { type A }` loads its module and counts as static.
 */
export interface Import {
  kind: 'static' | 'types' | 'lazy';
  from: string;
}

export function importsIn(text: string): Import[] {
  const found: (Import & { at: number })[] = [];
  for (const match of text.matchAll(/^(?:import|export)\s+(type\s)?(?:[^'";=]*?\sfrom\s+)?'([^']+)'/gm)) {
    found.push({ kind: match[1] ? 'types' : 'static', from: match[2] ?? '', at: match.index });
  }
  for (const match of text.matchAll(/\bimport\(\s*'([^']+)'\s*\)/g)) {
    const line = text.slice(text.lastIndexOf('\n', match.index) + 1, match.index);
    if (/^\s*(\/\/|\/?\*)/.test(line)) continue;
    // A value is awaited, returned or handed on; anything else is `import('…').Type`.
    const isValue = /(\bawait|\breturn|=>|\(|,)\s*$/.test(line) || /^\s*$/.test(line) || /\.then$/.test(line);
    found.push({ kind: isValue ? 'lazy' : 'types', from: match[1] ?? '', at: match.index });
  }
  return found.sort((a, b) => a.at - b.at).map(({ kind, from }) => ({ kind, from }));
}
