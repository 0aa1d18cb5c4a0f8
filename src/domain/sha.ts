/** The seven characters by which people know a commit; the full SHA stays in JSON and on the host. */
export const shortSha = (sha: string): string => sha.slice(0, 7);
/** As Docker shows an image's ID. */
export const shortImage = (id: string): string => id.replace(/^sha256:/, '').slice(0, 12);
