const unitBytes = { KB: 1024, MB: 1024 ** 2, GB: 1024 ** 3 } as const;
const limit = 1024 ** 3;

/** Bytes of `64KB`, `16MB`, `1GB`, in powers of 1024; undefined for everything else and for more than a gigabyte. */
export function parseSize(text: string): number | undefined {
  const match = /^([1-9]\d{0,5})(KB|MB|GB)$/.exec(text);
  if (match === null) return undefined;
  const bytes = Number(match[1]) * unitBytes[match[2] as keyof typeof unitBytes];
  return bytes <= limit ? bytes : undefined;
}
