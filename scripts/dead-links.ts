/** Relative links in Markdown that lead to no file or to no heading of it. */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

export function deadLinks(root: string, files: readonly string[]): string[] {
  return files
    .filter((file) => file.endsWith('.md'))
    .flatMap((file) => linksOf(readFileSync(join(root, file), 'utf8')).flatMap((link) => fault(root, file, link)));
}

function fault(root: string, file: string, link: string): string[] {
  if (/^[a-z][a-z0-9+.-]*:/i.test(link)) return [];
  const [path = '', fragment] = decodeURI(link).split('#');
  const target = path === '' ? file : path.startsWith('/') ? path.slice(1) : join(dirname(file), path);
  if (!existsSync(join(root, target))) return [`${file}: ${link} leads to no file`];
  if (fragment === undefined || fragment === '' || !target.endsWith('.md')) return [];
  return headingsOf(readFileSync(join(root, target), 'utf8')).includes(fragment.toLowerCase())
    ? []
    : [`${file}: ${link} leads to no heading`];
}

/** Targets of inline links, images and reference definitions, outside of code. */
function linksOf(markdown: string): string[] {
  const text = withoutCode(markdown);
  const inline = [...text.matchAll(/\]\(\s*<?([^\s)>]+)>?(?:\s+["'][^)]*)?\s*\)/g)];
  const definitions = [...text.matchAll(/^ {0,3}\[[^\]]+\]:\s+<?([^\s>]+)>?/gm)];
  return [...inline, ...definitions].map((match) => match[1] ?? '');
}

/** As GitHub makes them: lower case, punctuation away, blanks to hyphens, repeated ones numbered. */
function headingsOf(markdown: string): string[] {
  const seen = new Map<string, number>();
  return [...withoutCode(markdown, { spans: false }).matchAll(/^#{1,6}\s+(.+?)\s*#*$/gm)].map((match) => {
    const slug = (match[1] ?? '')
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\p{M}\s_-]/gu, '')
      .replace(/\s/g, '-');
    const times = seen.get(slug) ?? 0;
    seen.set(slug, times + 1);
    return times === 0 ? slug : `${slug}-${times}`;
  });
}

function withoutCode(markdown: string, { spans = true } = {}): string {
  const text = markdown.replace(/^( {0,3})(```+|~~~+)[\s\S]*?^\1\2[`~]*\s*$/gm, '');
  return spans ? text.replace(/(`+)[^`]*\1/g, '') : text;
}
