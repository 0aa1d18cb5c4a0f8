/** Whether a report says that a host keeps the lease of its deploy, or may keep it: the next deploy takes it over then. */
export const mayKeepLease = (warnings: readonly string[]): boolean =>
  warnings.some((warning) => /lease was (not given back|taken is not known)/.test(warning));
