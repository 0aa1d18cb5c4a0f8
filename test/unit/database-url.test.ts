import assert from 'node:assert/strict';
import fc from 'fast-check';
import { databaseUrlProblems } from '../../src/domain/database-url.ts';

const said = (env: Record<string, string>): string =>
  databaseUrlProblems(new Map(Object.entries(env)))
    .map(({ message }) => message)
    .join('\n');
const both = { POSTGRES_USER: 'trader', POSTGRES_PASSWORD: 'p@ss/w:rd%', POSTGRES_DB: 'atp' };
const url = 'postgresql://trader:p%40ss%2Fw:rd%25@db:5432/atp';

describe('databaseUrlProblems', () => {
  it('takes for an error only what cannot work', () => {
    const levels = (env: Record<string, string>) =>
      databaseUrlProblems(new Map(Object.entries(env))).map(({ level }) => level);
    assert.deepEqual(levels({ ...both, DATABASE_URL: url.replace('p%40ss', 'other') }), ['error']);
    assert.deepEqual(levels({ ...both, DATABASE_URL: 'trader' }), ['error']);
    assert.deepEqual(levels({ ...both, DATABASE_URL: url.replace('/atp', '/reports') }), ['warning']);
    assert.deepEqual(levels({ ...both, DATABASE_URL: 'postgresql://reader:its-own@db:5432/atp' }), ['warning']);
    assert.deepEqual(levels({ ...both, DATABASE_URL: 'postgresql://trader@db:5432/atp' }), ['warning']);
    assert.deepEqual(levels({ ...both, DATABASE_URL: 'mysql://trader:secret@db:3306/atp' }), ['warning']);
  });

  for (const good of [
    url,
    url.replace('postgresql', 'postgres'),
    url.replace('postgresql', 'postgresql+psycopg2'),
    url.replace(':5432', ''),
    url.replace('db:5432', '[::1]:5432'),
    url.replace('db:5432', 'one:5432,two:5433'),
    url.replace('db:5432', '').concat('?host=/var/run/postgresql'),
    `${url}?sslmode=require`,
  ]) {
    it(`takes ${good}`, () => assert.equal(said({ ...both, DATABASE_URL: good }), ''));
  }

  for (const [bad, why] of [
    ['postgresql://trader@db:5432/atp', /no password/],
    ['postgresql://:secret@db:5432/atp', /no user/],
    ['postgresql://trader:secret@db:5432/', /no database/],
    ['postgresql://trader:secret@/atp', /no host/],
    ['postgresql://trader:secret@db:port/atp', /host or port/],
    ['postgresql://trader:secret@db:65536/atp', /host or port/],
    ['postgresql://trader:sec%ret@db:5432/atp', /percent-encoding/],
    ['postgresql://trader:sec@ret@db:5432/atp', /not of that form/],
    ['postgresql://trader:sec/ret@db:5432/atp', /not of that form/],
    ['postgresql:/trader:secret@db:5432/atp', /not of that form/],
    ['trader:secret@db:5432/atp', /not of that form/],
    ['mysql://trader:secret@db:3306/atp', /not of that form/],
  ] as const) {
    it(`refuses ${bad} beside POSTGRES_*`, () => {
      const message = said({ POSTGRES_DB: 'atp', DATABASE_URL: bad });
      assert.match(message, why);
      assert.doesNotMatch(message, /secret|sec%ret|sec@ret|trader/);
    });
  }

  it('says nothing of one that is not there, or that is another database’s', () => {
    assert.equal(said(both), '');
    assert.equal(said({ ...both, DATABASE_URL: '' }), '');
    assert.equal(said({ DATABASE_URL: 'mysql://trader:secret@db:3306/atp' }), '');
    assert.equal(said({ DATABASE_URL: 'sqlite:///data/app.db' }), '');
  });

  it('names exactly the variables that the URL disagrees with', () => {
    assert.equal(said({ DATABASE_URL: url }), '');
    assert.match(said({ ...both, POSTGRES_PASSWORD: 'other', DATABASE_URL: url }), /same as POSTGRES_PASSWORD;/);
    assert.match(
      said({ ...both, POSTGRES_USER: 'other', POSTGRES_DB: 'other', DATABASE_URL: url }),
      /same as POSTGRES_USER and POSTGRES_DB;/,
    );
  });

  it('agrees with every password that was encoded for a URL, and never shows one', () => {
    const text = fc.string({ minLength: 7, maxLength: 20, unit: 'grapheme' });
    fc.assert(
      fc.property(text, text, (right, wrong) => {
        const DATABASE_URL = `postgresql://trader:${encodeURIComponent(right)}@db:5432/atp`;
        assert.equal(said({ ...both, POSTGRES_PASSWORD: right, DATABASE_URL }), '');
        const message = said({ ...both, POSTGRES_PASSWORD: wrong, DATABASE_URL });
        assert.equal(message !== '', wrong !== right);
        for (const value of [right, wrong].filter((each) => each.trim().length > 6)) {
          assert.ok(!message.includes(value));
        }
      }),
    );
  });
});
