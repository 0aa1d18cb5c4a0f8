import { Argument, Command, type CommandUnknownOpts, Option } from '@commander-js/extra-typings';
import type { ExitCode } from '../contracts/errors.ts';
import { shells } from './completion-scripts.ts';
import { exitCodes, help, version } from './help.ts';
import { type OutputFlags, Terminal } from './terminal.ts';

/**
 * Every command with its arguments and flags. What a command does is loaded only when it is asked for, so that
 * `dbc --help` is there at once. `done` gets the exit code.
 */
export function createProgram(done: (code: ExitCode) => void): CommandUnknownOpts {
  const dbc = new Command('dbc')
    .description('Deploys one exact git commit to hosts over SSH, and proves that it runs there.')
    .version(version(), '-V, --version')
    .showHelpAfterError('(dbc --help, dbc COMMAND --help)')
    .addHelpText('after', exitCodes);

  const on = async (flags: OutputFlags, run: (terminal: Terminal) => Promise<ExitCode>): Promise<void> => {
    done(await run(new Terminal(flags)));
  };

  const deploying = (name: string, description: string) =>
    talking(name, description)
      .addOption(
        new Option('--if-busy <what>', 'when something else is changing the target')
          .choices(['fail', 'wait', 'abort'] as const)
          .default('fail' as const),
      )
      .option('--detach', 'return when it has started')
      .addOption(
        new Option('--on-interrupt <what>', 'what Ctrl-C and SIGTERM do to it')
          .choices(['abort', 'detach'] as const)
          .default('abort' as const),
      )
      .option('--force', 'although the commit is quarantined')
      .option('--force-takeover', 'take a lease whose holder cannot be asked')
      .option('--stop-on-manual-changes', 'change nothing where a person has changed tracked files')
      .option('--reason <text>', 'why; kept with the release');

  dbc.addCommand(
    deploying('deploy', 'put a commit on every host of a target, or leave every host as it was')
      .argument('<target>')
      .option('--commit <sha>', "full or short SHA (default: the tip of the target's branch)")
      .action((target, { commit, ...flags }) =>
        on(flags, async (terminal) =>
          (await import('./commands/deploy.ts')).deploy(terminal, 'deploy', target, commit, flags),
        ),
      ),
  );
  dbc.addCommand(
    deploying('rollback', 'go back to an older commit, with the images that are still on the hosts')
      .argument('<target>')
      .argument('[sha]', 'full or short SHA (default: the last good release before this one)')
      .action((target, sha, flags) =>
        on(flags, async (terminal) =>
          (await import('./commands/deploy.ts')).deploy(terminal, 'rollback', target, sha, flags),
        ),
      ),
  );
  dbc.addCommand(
    talking('restart', 'make a service anew on every host, verify that all is well then, and say so')
      .argument('<target>')
      .argument('<service>')
      .option('--reason <text>', 'why; everybody who looks will see it')
      .option('--force-takeover', 'take a lease whose holder cannot be asked')
      .action((target, service, flags) =>
        on(flags, async (terminal) =>
          (await import('./commands/restart.ts')).restart(terminal, target, service, flags),
        ),
      ),
  );
  dbc.addCommand(
    talking('drill', 'rehearse a rollback: back to the release before and forward again, each verified and timed')
      .argument('<target>')
      .option('--detach', 'return when it has started')
      .addOption(
        new Option('--on-interrupt <what>', 'what Ctrl-C and SIGTERM do to it')
          .choices(['abort', 'detach'] as const)
          .default('abort' as const),
      )
      .option('--reason <text>', 'why')
      .action((target, flags) =>
        on(flags, async (terminal) => {
          const { deploy } = await import('./commands/deploy.ts');
          // Nothing that is worth waiting for.
          return deploy(terminal, 'drill', target, undefined, { ...flags, ifBusy: 'fail' });
        }),
      ),
  );
  dbc.addCommand(
    talking('abort', 'stop a running deploy and put its hosts back')
      .argument('<target>')
      .option('--reason <text>', 'why; everybody who looks will see it')
      .option('--wait', 'return when it has ended, instead of when the abort is accepted')
      .option('--give-up', 'while hosts are being put back: stop that too, and leave them as they are')
      .action((target, flags) =>
        on(flags, async (terminal) => (await import('./commands/abort.ts')).abort(terminal, target, flags)),
      ),
  );
  dbc.addCommand(
    talking('status', 'what runs, who started it, which step; and the last ones')
      .argument('[target]')
      .action((target, flags) =>
        on(flags, async (terminal) => (await import('./commands/status.ts')).status(terminal, target, flags)),
      ),
  );
  dbc.addCommand(
    talking('watch', 'follow a deploy that was started elsewhere')
      .argument('<target>')
      .action((target, flags) =>
        on(flags, async (terminal) => (await import('./commands/watch.ts')).watch(terminal, target, flags)),
      ),
  );
  dbc.addCommand(
    asking('plan', 'every command that a deploy would run on each host, in order, without running one')
      .argument('<target>')
      .option('--commit <sha>', "full or short SHA (default: the tip of the target's branch)")
      .option('--full', 'also what is only read, and what the scripts have in common')
      .action((target, flags) =>
        on(flags, async (terminal) => (await import('./commands/plan.ts')).plan(terminal, target, flags)),
      ),
  );
  dbc.addCommand(
    talking('report', 'a deploy as a document: what was done when, what failed and why, what proves what runs')
      .argument('<target>')
      .argument(
        '[id]',
        'of the deploy or its run, or the beginning of one (default: the running deploy, else the last)',
      )
      .addOption(
        new Option('--format <format>', 'default: as the output file is called, else markdown').choices([
          'markdown',
          'json',
          'html',
        ] as const),
      )
      .option('--output <file>', 'write it there (default: print it)')
      .action((target, id, flags) =>
        on(flags, async (terminal) => (await import('./commands/report.ts')).report(terminal, target, id, flags)),
      ),
  );
  dbc.addCommand(
    asking('releases', 'what ran healthily on the hosts of a target')
      .argument('<target>')
      .argument('[sha]', 'one of them in full')
      .action((target, sha, flags) =>
        on(flags, async (terminal) => (await import('./commands/releases.ts')).releases(terminal, target, sha, flags)),
      ),
  );
  dbc.addCommand(
    asking('drift', 'in what the hosts are no longer what their last release says')
      .argument('<target>')
      .action((target, flags) =>
        on(flags, async (terminal) => (await import('./commands/drift.ts')).drift(terminal, target, flags)),
      ),
  );
  dbc.addCommand(
    asking('health', 'what verify looks at, now: HEAD, services, every health rule with its value')
      .argument('<target>')
      .addOption(new Option('--public', 'only the rules that the worker asks').conflicts('local'))
      .option('--local', 'only what the host itself says')
      .action((target, flags) =>
        on(flags, async (terminal) => (await import('./commands/health.ts')).health(terminal, target, flags)),
      ),
  );
  dbc.addCommand(
    asking('services', 'the services of a target and whether they are healthy')
      .argument('<target>')
      .action((target, flags) =>
        on(flags, async (terminal) => (await import('./commands/services.ts')).services(terminal, target, flags)),
      ),
  );
  dbc.addCommand(
    asking('logs', 'the last lines that a service wrote')
      .argument('<target>')
      .argument('[service]', 'default: all of them')
      .option('--tail <lines>', 'how many', '100')
      .action((target, service, flags) =>
        on(flags, async (terminal) => (await import('./commands/logs.ts')).logs(terminal, target, service, flags)),
      ),
  );
  dbc.addCommand(
    asking('git-state', 'HEAD, branch and changed files beside the recorded release')
      .argument('<target>')
      .action((target, flags) =>
        on(flags, async (terminal) => (await import('./commands/git-state.ts')).gitState(terminal, target, flags)),
      ),
  );
  dbc.addCommand(
    asking('doctor', 'is everything there that a deploy needs; all findings at once')
      .argument('[target]')
      .action((target, flags) =>
        on(flags, async (terminal) => (await import('./commands/doctor.ts')).doctor(terminal, target, flags)),
      ),
  );
  const env = new Command('env').description("the env file on a target's hosts");
  env.addCommand(
    asking('check', 'which variables are set, never to what')
      .argument('<target>')
      .action((target, flags) =>
        on(flags, async (terminal) => (await import('./commands/env-check.ts')).envCheck(terminal, target, flags)),
      ),
  );
  dbc.addCommand(env);
  dbc.addCommand(
    asking('diagnose', 'why it is not healthy: failure mode, evidence, and what to do')
      .argument('<target>')
      .action((target, flags) =>
        on(flags, async (terminal) => (await import('./commands/diagnose.ts')).diagnose(terminal, target, flags)),
      ),
  );
  dbc.addCommand(
    asking('lock', 'keep deploys away from the hosts of a target, until dbc unlock')
      .argument('<target>')
      .requiredOption('--reason <text>', 'why; whoever is refused reads it')
      .option('--allow <sha>', 'the full SHA of a commit that may be deployed all the same')
      .action((target, flags) =>
        on(flags, async (terminal) => (await import('./commands/lock.ts')).lock(terminal, target, flags)),
      ),
  );
  dbc.addCommand(
    asking('unlock', "take a person's lock away, and the hosts' lease from a holder that is gone")
      .argument('<target>')
      .option('--force', 'from a holder that cannot be asked, or still runs')
      .action((target, flags) =>
        on(flags, async (terminal) => (await import('./commands/unlock.ts')).unlock(terminal, target, flags)),
      ),
  );
  dbc.addCommand(
    printing('serve', 'run a worker for an existing Temporal')
      .option('--config <file>', 'the targets (default: deploy.yaml)')
      .addOption(new Option('--dev', 'with a private Temporal and its UI').conflicts('buildId'))
      .option('--build-id <id>', "take part in Temporal's worker versioning as this build (docs/upgrading.md)")
      .option('--deployment-name <name>', 'of the worker deployment, for --build-id', 'deploy-by-commit')
      .addOption(
        new Option(
          '--listen <address:port>',
          'answer GET /healthz there (200 while it works, else 503) and GET /metrics (docs/observability.md)',
        ).conflicts('dev'),
      )
      // What it was called when it answered only the former.
      .addOption(new Option('--health-address <address:port>').conflicts(['dev', 'listen']).hideHelp())
      .addOption(
        new Option('--log-format <format>', 'json: one object a line, for every step and deploy too')
          .choices(['text', 'json'] as const)
          .default('text' as const)
          .conflicts('dev'),
      )
      .action((flags) => on(flags, async (terminal) => (await import('./commands/serve.ts')).serve(terminal, flags))),
  );
  dbc.addCommand(
    printing(
      'setup',
      "register the search attributes in Temporal's namespace, and the schedules of the worker's config; safe to repeat",
    ).action((flags) => on(flags, async (terminal) => (await import('./commands/setup.ts')).setup(terminal, flags))),
  );
  dbc.addCommand(
    printing('codec-server', "show Temporal's UI what the payload codec has encrypted; needs the payload keys only")
      .option('--address <address:port>', 'where to listen; whoever reaches it can read every deploy', '127.0.0.1:8888')
      .option(
        '--ui-origin <url>',
        "where Temporal's UI is, as the browser's address bar begins; may be repeated",
        collect,
        [],
      )
      .action((flags) =>
        on(flags, async (terminal) => (await import('./commands/codec-server.ts')).codecServer(terminal, flags)),
      ),
  );
  dbc.addCommand(
    printing('config', 'check deploy.yaml and print what is in force')
      .argument('[target]')
      .option('--config <file>', 'the file (default: deploy.yaml)')
      .action((target, flags) =>
        on(flags, async (terminal) => (await import('./commands/config.ts')).config(terminal, target, flags)),
      ),
  );
  dbc.addCommand(
    printing('init', 'write a first deploy.yaml, of what it is told, asks for, and finds in the compose file here')
      .option('--target <name>', 'what to call it', 'production')
      .option('--host <host>', 'user@address[:port]; may be repeated', collect, [])
      .option('--path <path>', 'the checkout on the hosts')
      .option('--branch <branch>', 'whose commits are deployed (default: the main branch of the repository here)')
      .option('--profile <profile>', 'of the compose file, if it has several')
      .option('--key <file>', 'the private key (default: the ssh-agent)')
      .option('--config <file>', 'what to write (default: deploy.yaml)')
      .option('--force', 'although the file is there')
      .action((flags) => on(flags, async (terminal) => (await import('./commands/init.ts')).init(terminal, flags))),
  );
  dbc.addCommand(
    printing('schema', 'print the JSON Schema of deploy.yaml, with which editors complete it').action((flags) =>
      on(flags, async (terminal) => (await import('./commands/schema.ts')).schema(terminal)),
    ),
  );
  dbc.addCommand(
    printing('explain', 'what a type of error means and what to do; without one, which there are')
      .argument('[type]', 'as an error begins: HostBusy')
      .action((type, flags) =>
        on(flags, async (terminal) => (await import('./commands/explain.ts')).explain(terminal, type)),
      ),
  );
  dbc.addCommand(
    printing('completion', 'print the script that makes TAB complete commands, options and targets')
      .addArgument(new Argument('<shell>').choices(shells))
      .action((shell, flags) =>
        on(flags, async (terminal) => (await import('./commands/completion.ts')).completion(terminal, shell)),
      ),
  );
  dbc.addCommand(
    new Command('complete')
      .argument('[words...]')
      .action((words) =>
        on({}, async (terminal) => (await import('./commands/complete.ts')).complete(terminal, dbc, words)),
      ),
    { hidden: true },
  );
  dbc.addCommand(
    printing('trust', 'show the host keys of a host or of every host of a target, ask, and pin them in known_hosts')
      .argument('<host>', 'a target of deploy.yaml, or user@address[:port]')
      .option('--fingerprint <sha256>', 'for scripts: pin this key, and no other; may be repeated', collect, [])
      .option('--known-hosts <file>', 'where to pin (default: ssh.knownHosts of the target, or ./known_hosts)')
      .option('--config <file>', 'the targets (default: deploy.yaml, if it is there)')
      .action((host, flags) =>
        on(flags, async (terminal) => (await import('./commands/trust.ts')).trust(terminal, host, flags)),
      ),
  );
  env.addCommand(
    talking('set', 'change variables of the env file on every host, or leave every host as it was')
      .argument('<target>')
      .argument('[names...]', 'the variable; its value comes from a prompt or standard input, never from here')
      .option(
        '--restart <service>',
        'recreate this service, so that it reads the file again; may be repeated',
        collect,
        [],
      )
      .option('--unset', 'take the variables out')
      .option('--stdin', 'NAME=VALUE lines on standard input: several variables in one go')
      .option('--reason <text>', 'why; everybody who looks will see it')
      .option('--force-takeover', 'take a lease whose holder cannot be asked')
      // What is not known may be a value, and must not be shown: the command refuses it itself.
      .allowUnknownOption()
      .action((target, names, flags) =>
        on(flags, async (terminal) => (await import('./commands/env-set.ts')).envSet(terminal, target, names, flags)),
      ),
  );
  for (const command of withSubcommands(dbc)) {
    // What it quotes of the command line goes to the terminal as everything does.
    command.configureHelp(help).configureOutput({ outputError: (text) => new Terminal({}).warn(text.trimEnd()) });
  }
  for (const command of withSubcommands(dbc).slice(1)) command.showHelpAfterError(`(${pathOf(command)} --help)`);
  return dbc;
}

/** The program and every command of it, those of groups such as `dbc env` too. */
export const withSubcommands = (program: CommandUnknownOpts): CommandUnknownOpts[] => [
  program,
  ...program.commands.flatMap(withSubcommands),
];

/** `dbc env check` */
export const pathOf = (command: CommandUnknownOpts): string =>
  command.parent ? `${pathOf(command.parent)} ${command.name()}` : command.name();

const collect = (value: string, before: string[]): string[] => [...before, value];

const printing = (name: string, description: string) =>
  new Command(name)
    .description(description)
    .option('--json', 'JSON on stdout: one document, or one event a line where something is followed')
    .option('-q, --quiet', 'only the result')
    .option('--no-color', 'as NO_COLOR=1');

/** Commands that need only Temporal, or with `--direct` only SSH. */
const asking = (name: string, description: string) =>
  talking(name, description).addOption(
    new Option('--direct', 'without Temporal: from this process, over SSH').conflicts('embedded'),
  );

/** Commands that need only Temporal. */
const talking = (name: string, description: string) =>
  printing(name, description)
    .option('--embedded', 'with a private Temporal and a worker in this process')
    .option('--config <file>', 'with --embedded or --direct: the targets (default: deploy.yaml)');
