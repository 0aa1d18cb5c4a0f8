/** The import rule of docs/architecture.md: imports go one way, and what a command does not need is not loaded. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { type Import, importsIn } from './imports.ts';

const root = resolve(import.meta.dirname, '../..');

interface Rule {
  /** Layers beside its own that may be imported in any way. */
  from: readonly string[];
  /** … as types only. */
  types?: readonly string[];
  /** … lazily, by `import()`, or as types. */
  lazily?: readonly string[];
  /** npm packages and Node's own modules that may be imported; `types` and `import()` of any package are fine. */
  packages: RegExp;
}

const pure = ['src/contracts', 'src/domain'];
const rules: Record<string, Rule> = {
  'src/contracts': { from: [], packages: /^$/ },
  'src/domain': { from: ['src/contracts'], packages: /^@marcbachmann\/cel-js$/ },
  'src/config': { from: pure, packages: /^(zod|yaml|node:(fs|path|os|url|util)(\/.*)?)$/ },
  'src/codec': { from: pure, packages: /^(@temporalio\/(common|proto)|node:(crypto|events|fs|http|net))$/ },
  'src/tracing': {
    from: pure,
    packages: /^(@opentelemetry\/.*|@temporalio\/interceptors-opentelemetry|node:timers\/promises)$/,
  },
  'src/client': {
    from: [...pure, 'src/codec'],
    lazily: ['src/tracing'],
    packages: /^(@temporalio\/(client|common|envconfig)|node:.*)$/,
  },
  'src/cli': {
    from: [...pure, 'src/client'],
    lazily: ['src/codec', 'src/config', 'src/embedded', 'activities', 'worker'],
    packages: /^(?!@temporalio\/|node-ssh$|ssh2$|zod$)/,
  },
  'src/embedded': { from: [...pure, 'src/config', 'src/client', 'activities', 'worker'], packages: /^(?!node-ssh$)/ },
  workflows: { from: pure, types: ['activities'], packages: /^@temporalio\/(workflow|common)$/ },
  activities: { from: [...pure, 'src/config'], packages: /^(?!@temporalio\/(worker|workflow)$)/ },
  worker: { from: [...pure, 'src/codec', 'src/config', 'src/client', 'activities', 'workflows'], packages: /./ },
};
const layers = Object.keys(rules);

interface Source {
  /** Relative to the repository's root. */
  file: string;
  layer: string;
  imports: Import[];
}

const sources: Source[] = layers.flatMap((layer) =>
  typescriptFiles(layer).map((file) => ({ file, layer, imports: importsIn(readFileSync(join(root, file), 'utf8')) })),
);
const byFile = new Map(sources.map((source) => [source.file, source]));

describe('the import rule', () => {
  for (const [layer, rule] of Object.entries(rules)) {
    it(`holds in ${layer}`, () => {
      const faults = sources
        .filter((source) => source.layer === layer)
        .flatMap(({ file, imports }) =>
          imports
            .filter((one) => !isAllowed(file, layer, rule, one))
            .map((one) => `${file}: ${one.kind} import of ${one.from}`),
        );
      assert.deepEqual(faults, []);
    });
  }

  it('lets only activities/ssh and the wiring see an SSH library', () => {
    const users = sources.filter(({ imports }) =>
      imports.some(({ from, kind }) => /^(node-ssh|ssh2)$/.test(from) && kind !== 'types'),
    );
    // The demo's sandbox host is an SSH server of its own where there is no sshd.
    assert.deepEqual(
      users.map(({ file }) => file).filter((file) => !/^(activities\/ssh|worker|src\/embedded)\//.test(file)),
      [],
    );
  });

  it('lets activities reach hosts only through the SSH port', () => {
    const adapters = new Set(
      [...byFile.keys()].filter(
        (file) => file.startsWith('activities/ssh/') && loads(file).some((from) => /^(node-ssh|ssh2)$/.test(from)),
      ),
    );
    const faults = sources
      .filter(({ file }) => file.startsWith('activities/') && !file.startsWith('activities/ssh/'))
      .flatMap(({ file, imports }) =>
        imports
          .filter(({ from, kind }) => kind !== 'types' && adapters.has(target(file, from)))
          .map(({ from }) => `${file}: ${from}`),
      );
    assert.deepEqual(faults, []);
  });

  it('loads no Temporal, SSH or schema library for `dbc --help`', () => {
    const loaded = byFile.has('src/cli/main.ts') ? loads('src/cli/main.ts') : [];
    assert.deepEqual(
      loaded.filter((from) => /^(@temporalio\/|node-ssh$|ssh2$|zod$)/.test(from)),
      [],
    );
  });

  it('keeps zod and Node out of what workflows load', () => {
    const loaded = sources.filter(({ layer }) => layer === 'workflows').flatMap(({ file }) => loads(file));
    assert.deepEqual(
      [...new Set(loaded)].filter((from) => /^(zod$|node:|node-ssh$|ssh2$|yaml$)/.test(from)),
      [],
    );
  });

  it('tells static, type and lazy imports apart', () => {
    const text = `import a, { type B } from './a.ts';
import type { C } from 'c';
import 'side-effect';
export * from './d.ts';
export type { E } from './e.ts';
import {
  one,
  two,
} from './lines.ts';
/** {@link import('./comment.ts').X} and import('./prose.ts') */
type T = import('./in-a-type.ts').T;
const lazy = await import('./lazy.ts');
`;
    assert.deepEqual(
      importsIn(text).map(({ kind, from }) => `${kind} ${from}`),
      [
        'static ./a.ts',
        'types c',
        'static side-effect',
        'static ./d.ts',
        'types ./e.ts',
        'static ./lines.ts',
        'types ./in-a-type.ts',
        'lazy ./lazy.ts',
      ],
    );
  });
});

function isAllowed(file: string, layer: string, rule: Rule, { from, kind }: Import): boolean {
  if (!from.startsWith('.')) return kind !== 'static' || rule.packages.test(from);
  const other = layerOf(target(file, from));
  if (other === undefined) return !/^(test|bench|scripts|examples)\//.test(target(file, from));
  if (other === layer || rule.from.includes(other)) return true;
  if (kind === 'types') return [...(rule.types ?? []), ...(rule.lazily ?? [])].includes(other);
  return kind === 'lazy' && (rule.lazily ?? []).includes(other);
}

/** The packages that are loaded together with a file: what it imports statically, and so on. */
function loads(file: string, seen = new Set<string>()): string[] {
  if (seen.has(file)) return [];
  seen.add(file);
  return (byFile.get(file)?.imports ?? [])
    .filter(({ kind }) => kind === 'static')
    .flatMap(({ from }) => (from.startsWith('.') ? loads(target(file, from), seen) : [from]));
}

function target(file: string, from: string): string {
  return from.startsWith('.') ? relative(root, resolve(root, dirname(file), from)) : from;
}

function layerOf(file: string): string | undefined {
  return layers.find((layer) => file.startsWith(`${layer}/`));
}

function typescriptFiles(layer: string): string[] {
  try {
    const names = readdirSync(join(root, layer), { recursive: true, encoding: 'utf8' });
    return names.filter((name) => name.endsWith('.ts')).map((name) => join(layer, name));
  } catch {
    return [];
  }
}
