// The dashboard: one page that shows the system health, asked from the backend for every view.
import { serve } from './http.mjs';
import { release } from './release.mjs';
import { variant } from './variant.mjs';

if (variant === 'service-exits') {
  console.error('frontend: the service-exits variant ends at once');
  process.exit(1);
}

const backend = process.env.BACKEND_URL ?? `http://127.0.0.1:${process.env.BACKEND_PORT ?? 8002}`;

serve('frontend', Number(process.env.FRONTEND_PORT ?? 3000), '/healthz', {
  'GET /': async () => ({ html: page(await health()) }),
  'GET /healthz': async () => ({ json: { status: 'ok', ...release } }),
});

async function health() {
  try {
    const answer = await fetch(`${backend}/api/health/system`, { signal: AbortSignal.timeout(5000) });
    return await answer.json();
  } catch {
    // The page itself works, and it is where people look first.
    return { status: 'FAIL', backend: { status: 'FAIL', error: 'the backend does not answer' } };
  }
}

function page({ status, version, commit, ...checks }) {
  const rows = Object.entries(checks).map(([name, { status, ...details }]) => {
    const values = Object.entries(details).map(([key, value]) => `${key}: ${value}`);
    return `<tr class="${escapeHtml(status)}"><th>${escapeHtml(name)}<td>${escapeHtml(status)}<td>${escapeHtml(values.join(', '))}`;
  });
  return `<!doctype html>
<html lang="en"><meta charset="utf-8"><meta http-equiv="refresh" content="5"><title>Trading platform: ${escapeHtml(status)}</title>
<style>
  body { font: 16px/1.5 system-ui, sans-serif; margin: 3rem auto; max-width: 50rem; }
  table { border-collapse: collapse; width: 100% } th, td { border-top: 1px solid #ccc; padding: .4rem; text-align: left }
  .PASS td:nth-child(2) { color: #08660a } .FAIL td:nth-child(2) { color: #b00 }
</style>
<h1>Automated trading platform</h1>
<p>System health: <strong>${escapeHtml(status)}</strong></p>
<table>${rows.join('\n')}</table>
<p>Frontend version ${escapeHtml(release.version)} (<code>${escapeHtml(release.commit)}</code>),
backend version ${escapeHtml(version ?? 'unknown')} (<code>${escapeHtml(commit ?? 'unknown')}</code>)</p>
</html>
`;
}

function escapeHtml(value) {
  return String(value).replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);
}
