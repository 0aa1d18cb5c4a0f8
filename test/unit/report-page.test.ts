/** The report as a page, in a real browser. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type Browser, chromium, type Page } from 'playwright-core';
import { pageReport } from '../../src/domain/report/page.ts';
import { chromiumPath, needs } from '../lab/needs.ts';
import { recordedDeploy, reportOf } from '../replay/recorded-deploy.ts';
import { hostileDeploy } from './hostile.ts';

const widths = [400, 1400];
const cases = [
  'succeeded-after-retries',
  'rolled-back-in-two-passes',
  'rolled-back-after-a-recovery',
  'aborted-in-wait',
  'succeeded-drill',
] as const;

describe('the page of a report, in a browser', function () {
  needs('chromium');
  this.timeout(60_000);
  let dir: string;
  let browser: Browser;
  let page: Page;
  /** What a page must not do: ask for anything but itself, complain, ask the reader. */
  let faults: string[];

  before(async () => {
    dir = mkdtempSync(join(tmpdir(), 'dbc-report-'));
    browser = await chromium.launch({
      executablePath: chromiumPath() ?? '',
      args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking'],
    });
    page = await browser.newPage();
    page.on('console', (message) => faults.push(message.text()));
    page.on('pageerror', (error) => faults.push(String(error)));
    page.on('dialog', (dialog) => {
      faults.push(dialog.message());
      void dialog.dismiss();
    });
    page.on('request', (request) => faults.push(request.url()));
  });
  after(async () => {
    await browser?.close();
    rmSync(dir, { recursive: true, force: true });
  });

  async function open(deploy: Parameters<typeof reportOf>[0], width = 1400) {
    const file = join(dir, 'report.html');
    const report = reportOf(deploy);
    writeFileSync(file, pageReport(report));
    faults = [];
    await page.setViewportSize({ width, height: 900 });
    const url = pathToFileURL(file).href;
    await page.goto(url);
    assert.deepEqual(
      faults.filter((fault) => fault !== url),
      [],
    );
    return report;
  }

  /** Of every element: what of it is wider than the window. */
  const overflowing = () =>
    page.evaluate<string[]>(`[...document.querySelectorAll('body *')]
      .filter((one) => one.getBoundingClientRect().right > innerWidth + 0.5 || one.getBoundingClientRect().left < -0.5)
      .map((one) => one.outerHTML.slice(0, 80))`);

  interface Drawn {
    from: number;
    to: number;
    x: number;
    width: number;
    track: { x: number; width: number };
  }
  const bars = () =>
    page.evaluate<Drawn[]>(`[...document.querySelectorAll('.track .bar')].map((one) => {
      const [bar, track] = [one.getBoundingClientRect(), one.parentElement.getBoundingClientRect()];
      const { from, to } = one.dataset;
      return { from: +from, to: +to, x: bar.x, width: bar.width, track: { x: track.x, width: track.width } };
    })`);

  const legend = async () => (await page.locator('.legend li').allTextContents()).map((words) => words.trim());

  for (const name of cases) {
    it(`draws ${name} to scale, needs nothing but itself, and fits into ${widths.join(' and ')} pixels`, async () => {
      const deploy = await recordedDeploy(name);
      for (const width of widths) {
        const { timeline } = await open(deploy, width);
        assert.deepEqual(await overflowing(), []);
        const length = Date.parse(timeline.endedAt) - Date.parse(timeline.startedAt);
        const drawn = await bars();
        assert.equal(drawn.length, deploy.work.length);
        for (const { from, to, x, width: wide, track } of drawn) {
          const scale = track.width / length;
          // What would be too short to be seen is three pixels wide, at the very end too.
          const begins = track.x + Math.min(from * scale, track.width - 3);
          assert.ok(Math.abs(x - begins) < 1, `begins at ${x}, not at ${begins}`);
          assert.ok(
            Math.abs(wide - Math.max(3, (to - from) * scale)) < 1,
            `is ${wide} wide, not ${(to - from) * scale}`,
          );
        }
      }
    });
  }

  it('tells attempts, waits, a restore and an abort apart without colours, and names them', async () => {
    await open(await recordedDeploy('succeeded-after-retries'));
    assert.deepEqual(await legend(), ['step', 'wait', 'earlier attempts']);
    const fetch = page.locator('li.row', { hasText: 'fetch' });
    assert.match((await fetch.textContent()) ?? '', /fetch ×3/);
    assert.match(
      (await fetch.locator('.bar').getAttribute('title')) ?? '',
      /attempt 3; the one before failed: SshUnavailable/,
    );
    const [bar, earlier] = await Promise.all([
      fetch.locator('.bar').boundingBox(),
      fetch.locator('.earlier').boundingBox(),
    ]);
    assert.ok(
      bar && earlier && earlier.width > 0.9 * bar.width,
      'the pauses between the attempts took most of its time',
    );
    await open(await recordedDeploy('aborted-in-wait'));
    assert.deepEqual(await legend(), ['step', 'wait', 'restore', 'abort by kim']);
    const look = (selector: string) =>
      page
        .locator(selector)
        .first()
        .evaluate((one) => {
          const { backgroundImage, borderTopStyle } = (
            globalThis as unknown as { getComputedStyle(one: unknown): Record<string, string> }
          ).getComputedStyle(one);
          return [backgroundImage?.slice(0, 25), borderTopStyle];
        });
    assert.deepEqual(await look('li.step .bar'), ['none', 'none']);
    assert.deepEqual(await look('li.wait .bar'), ['none', 'dashed']);
    assert.deepEqual(await look('li.restore .bar'), ['repeating-linear-gradient', 'none']);
  });

  it('shows what hosts, git and people wrote as text, whatever it is', async () => {
    const deploy = hostileDeploy(await recordedDeploy('rolled-back-after-a-recovery'));
    for (const width of widths) {
      await open(deploy, width);
      assert.deepEqual(await overflowing(), []);
      assert.equal(await page.evaluate('globalThis.hacked'), undefined);
      assert.equal(
        await page.locator('script, img, a, iframe, [onerror], [onmouseover], [onfocus], [autofocus]').count(),
        0,
      );
      assert.ok(
        ((await page.locator('main').textContent()) ?? '').split('<script>window.hacked = 1</script>').length > 20,
      );
    }
  });

  it('could run no script even if one came into it', async () => {
    await open(await recordedDeploy('succeeded'));
    await page
      .evaluate(`{
      const script = document.createElement('script');
      script.textContent = 'globalThis.hacked = 1';
      document.body.append(script);
    }`)
      .catch(() => {});
    assert.equal(await page.evaluate('globalThis.hacked'), undefined);
    assert.match(faults.join('\n'), /Content Security Policy/);
  });

  it('can be read in the dark and on paper', async () => {
    await open(await recordedDeploy('rolled-back-in-two-passes'));
    const contrast = () =>
      page.evaluate<number>(`(() => {
        const rgb = (text) => text.match(/[\\d.]+/g).slice(0, 3).map((n) => n / 255);
        const light = (text) => {
          const [r, g, b] = rgb(text).map((c) => (c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
          return 0.2126 * r + 0.7152 * g + 0.0722 * b;
        };
        const paper = light(getComputedStyle(document.body).backgroundColor);
        return Math.min(...[...document.querySelectorAll('h1, h2, h3, p, td, th, dt, dd, .mark, .took, .tick, .times, figcaption, footer')]
          .map((one) => light(getComputedStyle(one).color))
          .map((ink) => (Math.max(ink, paper) + 0.05) / (Math.min(ink, paper) + 0.05)));
      })()`);
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme, media: 'screen' });
      const found = await contrast();
      assert.ok(found >= 4.5, `${colorScheme}: ${found}`);
    }
    await page.emulateMedia({ colorScheme: 'dark', media: 'print' });
    assert.equal(await page.evaluate('getComputedStyle(document.body).backgroundColor'), 'rgb(255, 255, 255)');
    assert.ok((await contrast()) >= 4.5);
    assert.ok((await page.pdf()).length > 10_000);
    await page.emulateMedia({ colorScheme: 'light', media: 'screen' });
  });
});
