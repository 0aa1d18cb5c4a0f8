/** ` Did you mean "hosts"?`, when one of the candidates is a likely slip of the pen away; otherwise ''. */
export function suggestion(found: string, candidates: Iterable<string>): string {
  const meant = nearest(found, candidates);
  return meant === undefined ? '' : ` Did you mean "${meant}"?`;
}

/** Which of the candidates was probably meant. */
export function nearest(found: string, candidates: Iterable<string>): string | undefined {
  // Two letters that changed places are two edits.
  const limit = found.length < 4 ? 1 : Math.max(2, Math.floor(found.length / 3));
  let best: { candidate: string; distance: number } | undefined;
  for (const candidate of candidates) {
    const distance = editDistance(found.toLowerCase(), candidate.toLowerCase());
    if (distance <= limit && (best === undefined || distance < best.distance)) best = { candidate, distance };
  }
  return best?.candidate;
}

/** Levenshtein's, by rows. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const change = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(change, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
