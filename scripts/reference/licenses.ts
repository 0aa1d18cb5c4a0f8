import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '../..');

export interface Dependency {
  name: string;
  version: string;
  license: string;
}

interface Locked {
  version?: string;
  license?: string;
  dev?: boolean;
  /** Of a build for one platform. Where it declares no license of its own, it has that of the package that brings it. */
  os?: string[];
  cpu?: string[];
}

/** What the lock file does not know: an older form in the package's own file, or the license's text alone. */
export const readInThePackage: Record<string, string> = {
  ssh2: 'MIT',
  'cpu-features': 'MIT',
  buildcheck: 'MIT',
  unionfs: 'Unlicense',
};

/** All that an installed dbc brings along, as package-lock.json pins it, by name. */
export function installedDependencies(): Dependency[] {
  const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, Locked>;
  };
  const all = Object.entries(lock.packages).flatMap(([path, { version = '', license, dev, os, cpu }]) =>
    path === '' || dev || ((os || cpu) && license === undefined)
      ? []
      : [named(path.replace(/^.*node_modules\//, ''), version, license)],
  );
  const unique = new Map(all.map((one) => [`${one.name}@${one.version}`, one]));
  return [...unique.values()].sort((a, b) =>
    a.name < b.name ? -1 : a.name > b.name ? 1 : a.version < b.version ? -1 : 1,
  );
}

const named = (name: string, version: string, license = readInThePackage[name] ?? 'none is declared'): Dependency => ({
  name,
  version,
  license,
});

/** `docs/reference/licenses.md` */
export function licensesReference(dependencies: readonly Dependency[]): string {
  const byLicense = new Map<string, Dependency[]>();
  for (const one of dependencies) byLicense.set(one.license, [...(byLicense.get(one.license) ?? []), one]);
  const sections = [...byLicense]
    .sort(([, a], [, b]) => b.length - a.length)
    .map(
      ([license, all]) =>
        `## ${license} (${all.length})\n\n${all.map(({ name, version }) => `\`${name}\` ${version}`).join(' · ')}\n`,
    );
  return `# Licenses of what is installed with dbc

Written by \`npm run reference\` from \`package-lock.json\`: ${dependencies.length} packages, those of Temporal's SDK with its bundler
above all. What only builds and tests need is not among them. dbc itself is under the [MIT license](../../LICENSE).

${sections.join('\n')}`;
}
