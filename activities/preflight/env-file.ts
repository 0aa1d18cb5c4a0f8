import type { HostTask } from '../../src/contracts/activities.ts';
import type { Finding } from '../../src/contracts/preflight.ts';
import { count } from '../../src/domain/count.ts';
import { databaseUrlProblems } from '../../src/domain/database-url.ts';
import { envFileProblems, missingVariables } from '../../src/domain/env-file.ts';
import { quote } from '../../src/domain/shell-quote.ts';
import { error, ok, type Part, type Sight, warning } from './reading.ts';

/** How long git may look through the history: a deploy waits for it, where it is not done with the rest. Seconds. */
const historySeconds = { thorough: 5, brief: 1 };

/** The env file: whether it is there, who may read it, whether git knows it, and what is set in it. */
export const envFile: Part = {
  begin: ({ target: { env, repository } }, thorough) => {
    if (env === undefined) return '';
    const tip = quote(`refs/remotes/${repository.remote}/${repository.branch}`);
    const seconds = thorough ? historySeconds.thorough : historySeconds.brief;
    // A file that a merged branch had added and removed is in the full history only.
    return `tip=$(git rev-parse --quiet --verify ${tip})
{ GIT_LITERAL_PATHSPECS=1 timeout ${seconds} git log -1 --full-history --format='env-history %H' HEAD $tip -- ${quote(env.file)} || echo "env-history unknown"
} >"$scratch/env-history" 2>/dev/null &
`;
  },
  end: ({ target: { env } }: HostTask) => {
    if (env === undefined) return '';
    const file = quote(env.file);
    return `if [ -e ${file} ]; then
  [ -f ${file} ] && [ -r ${file} ] && echo "env-sha $(sha256sum <${file} | cut -d' ' -f1)" || echo "env-unreadable 1"
  echo "env-mode $(stat -L -c %a ${file})"
  GIT_LITERAL_PATHSPECS=1 git ls-files --error-unmatch -- ${file} >/dev/null 2>&1 && echo "env-tracked 1"
fi
cat "$scratch/env-history"
`;
  },
  judge: (sight) => {
    const config = sight.task.target.env;
    if (config === undefined) return [];
    const findings = [...access(sight, config.file), ...contents(sight, config)];
    return findings.some(({ level }) => level !== 'ok') || sight.env === undefined
      ? findings
      : [ok(config.file, `${count(sight.env.values.size, 'variable')}; everything that is required is set`)];
  },
};

type EnvConfig = NonNullable<HostTask['target']['env']>;

function access({ task, said, thorough }: Sight, file: string): Finding[] {
  const mode = said('env-mode');
  if (mode === '') {
    return [
      error(file, `${file} is missing in ${task.target.repository.path}`, `Write it there, and \`chmod 600 ${file}\`.`),
    ];
  }
  const findings: Finding[] = [];
  if (said('env-unreadable') !== '') {
    findings.push(
      error(
        file,
        `expected a file that ${task.host.user} can read, found one of mode ${mode} that it cannot`,
        `\`sudo chown ${task.host.user} ${file}\` makes it ours.`,
      ),
    );
  }
  if (/[4-7]$/.test(mode)) {
    findings.push(
      warning(file, `everybody on the host can read it (mode ${mode})`, `\`chmod 600 ${file}\` keeps it to us.`),
    );
  }
  return [...findings, ...inGit(file, said, thorough)];
}

function inGit(file: string, said: Sight['said'], thorough: boolean): Finding[] {
  const rotate = `Its values are known to everybody who has the repository: change them. \`git filter-repo --invert-paths --path ${file}\` takes it out of the history.`;
  if (said('env-tracked') !== '') {
    return [
      error(
        file,
        `${file} is tracked by git, and its values are secrets`,
        `\`git rm --cached ${file}\`, name it in .gitignore, and commit that. ${rotate}`,
      ),
    ];
  }
  const commit = /^[0-9a-f]{40,64}$/.exec(said('env-history'))?.[0];
  if (commit === undefined) {
    // A deploy does not wait for it; who asks for everything is told.
    return thorough && said('env-history') === 'unknown'
      ? [
          warning(
            file,
            `whether ${file} was ever in git could not be found out within ${historySeconds.thorough} s`,
            `\`git log --all --full-history -- ${file}\` tells, given time.`,
          ),
        ]
      : [];
  }
  return [warning(file, `${file} was in git once, last changed by ${commit.slice(0, 7)}`, rotate)];
}

function contents({ env, task }: Sight, config: EnvConfig): Finding[] {
  if (env === undefined) return [];
  const on = `in ${config.file} on ${task.host.alias}`;
  // With commands of your own nobody knows who reads the file; a shell reads some things otherwise.
  const asCompose = task.target.runtime.kind === 'compose' ? error : warning;
  return [
    ...envFileProblems(env.text).map(({ line, message }) =>
      asCompose(
        config.file,
        `expected a file that Docker Compose can read, found in line ${line}: ${message}`,
        `Correct line ${line} ${on}.`,
      ),
    ),
    ...missingVariables(env.values, config).map(
      ({ level, name, message }): Finding => ({
        level,
        about: config.file,
        message,
        hint: /^\w+$/.test(name) ? `Set ${name} ${on}.` : 'Correct the condition in the config.',
      }),
    ),
    ...databaseUrlProblems(env.values).map(({ level, message, hint }) => ({
      level,
      about: config.file,
      message,
      hint,
    })),
  ];
}
