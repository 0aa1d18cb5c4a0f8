/** A real bash that runs our scripts, with every program but the shell itself replaced by one that notes its arguments. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** The deploy whose notes can be written. */
export const deployOfTrap = 'e3b0c442-98fc';

export class ShellTrap {
  readonly #dir = mkdtempSync(join(tmpdir(), 'dbc-trap-'));
  /** The file that an attack makes. */
  readonly file = join(this.#dir, 'trap');

  /** What the programs were given: their arguments, and the standard input of curl. Each script gets a shell of its own. */
  run(scripts: readonly string[]): string[] {
    const at = (name: string): string => join(this.#dir, name);
    // Where git says that its folder is, so that scripts get further than to their first note in it.
    mkdirSync(at(`cwd/deploy-by-commit/snapshots/${deployOfTrap}`), { recursive: true });
    writeFileSync(at('noted'), '');
    for (const [index, script] of scripts.entries()) writeFileSync(at(`script-${index}`), script);
    const driver = `PATH=/nowhere
noted=${at('noted')}
command_not_found_handle() {
  local given calls
  printf '%s\\0' "$@" >>"$noted"
  if [ "$1" = curl ]; then IFS= read -r -d '' given; printf 'curl: %s\\0' "$given" >>"$noted"; fi
  case " $* " in *' --git-common-dir '*) echo . ;; esac
  # All goes well, but not for ever: some loops wait for something to fail.
  IFS= read -r calls <${at('calls')}; printf '%s\\n' $((calls + 1)) >${at('calls')}
  [ "$calls" -lt 100 ]
}
cd ${at('cwd')}
for ((index = 0; index < ${scripts.length}; index++)); do
  printf '0\\n' >${at('calls')}
  ( . ${at('script-')}$index ) 3>/dev/null </dev/null
done
`;
    const { status, error, stderr } = spawnSync('/bin/bash', ['--norc', '-c', driver], { timeout: 600_000, env: {} });
    if (error) throw error;
    if (/syntax error|unexpected EOF/.test(stderr.toString())) throw new Error(`a script is none: ${stderr}`);
    if (status === null) throw new Error('the scripts were killed');
    return readFileSync(at('noted'), 'utf8').split('\0');
  }

  /** Whether an attack has worked; the next one begins anew. */
  get sprung(): boolean {
    const sprung = existsSync(this.file);
    rmSync(this.file, { force: true });
    return sprung;
  }

  remove(): void {
    rmSync(this.#dir, { recursive: true, force: true });
  }
}
