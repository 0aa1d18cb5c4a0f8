import { quote } from '../../src/domain/shell-quote.ts';

/** Bash that writes its standard input beside the deploy's snapshot, in one piece. What became of a deploy is read there. */
export const note = (deploy: string, name: string): string =>
  `(umask 077; own=$(git rev-parse --git-common-dir)/deploy-by-commit/snapshots/${quote(deploy)}; cat >"$own/.${name}" && mv "$own/.${name}" "$own/${name}")`;

export const eraseNote = (deploy: string, name: string): string =>
  `rm -f "$(git rev-parse --git-common-dir)/deploy-by-commit/snapshots/"${quote(deploy)}${quote(`/${name}`)}\n`;
