/** The seven characters by which people know a commit; the full SHA stays in JSON and on the host. */
export const shortSha = (sha: string): string => sha.slice(0, 7);
