import assert from 'node:assert/strict';
import { asTyped, takers } from '../../src/cli/as-typed.ts';
import { createProgram, pathOf, withSubcommands } from '../../src/cli/program.ts';

describe('a command in a hint', () => {
  const hint = 'See `dbc logs production SERVICE` and `dbc health production`; or `dbc deploy production --force`.';

  it('is as it is for whoever has a Temporal', () => {
    assert.equal(asTyped(hint, {}), hint);
    assert.equal(asTyped(hint, { config: 'other.yaml' }), hint);
  });

  it('has --embedded, and the config, where the command that shows it has', () => {
    assert.equal(
      asTyped(hint, { embedded: true, config: 'other.yaml' }),
      'See `dbc logs production SERVICE --embedded --config other.yaml` and `dbc health production --embedded --config other.yaml`; or `dbc deploy production --force --embedded --config other.yaml`.',
    );
  });

  it('has --direct where it takes that', () => {
    assert.equal(
      asTyped(hint, { direct: true }),
      'See `dbc logs production SERVICE --direct` and `dbc health production --direct`; or `dbc deploy production --force`.',
    );
  });

  for (const flag of ['--embedded', '--direct'] as const) {
    it(`is known to take ${flag} where the program lets it`, () => {
      const takes = withSubcommands(createProgram(() => {}))
        .filter(({ options }) => options.some(({ long }) => long === flag))
        .map((command) => pathOf(command).replace(/^dbc /, ''));
      assert.deepEqual([...takers[flag]].sort(), takes.sort());
    });
  }

  it('has no --direct where a change of the same group takes none', () => {
    const text = 'See `dbc env set production NAME` and `dbc env check production`.';
    assert.equal(
      asTyped(text, { direct: true }),
      'See `dbc env set production NAME` and `dbc env check production --direct`.',
    );
  });

  it('is left alone where it has such a flag, or takes none', () => {
    const text =
      '`dbc health production --direct`, `dbc explain HostBusy`, `dbc trust production`, `dbc config`, `dbc setup`, dbc deploy';
    assert.equal(asTyped(text, { embedded: true }), text);
  });
});
