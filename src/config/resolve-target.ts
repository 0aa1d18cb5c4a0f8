import { ErrorType } from '../contracts/errors.ts';
import type {
  EnvConfig,
  HealthRule,
  HooksConfig,
  HostConfig,
  MonitorConfig,
  NotifyChannel,
  RepositoryConfig,
  RuntimeConfig,
  SshConfig,
  TargetConfig,
} from '../contracts/target.ts';
import { DeployError } from '../domain/deploy-error.ts';
import { parseDuration } from '../domain/duration.ts';
import type { HostAddress } from './host-address.ts';
import { aliasOf, hostAddressForm, parseHostAddress } from './host-address.ts';
import type { Config } from './load.ts';
import type { HostFile, TargetFile } from './schema.ts';
import { parseSize } from './size.ts';
import { suggestion } from './suggestion.ts';

type Environment = Readonly<Record<string, string | undefined>>;

const defaultUser = 'ubuntu';
const defaultPort = 22;

/**
 * A target as the deploy will use it: defaults filled in, durations in milliseconds, hosts of `{ env: NAME }` looked
 * up in `env`. Throws InvalidInput for an unknown target, a variable that holds no address, and aliases used twice.
 */
export function resolveTarget(config: Config, name: string, env: Environment): TargetConfig {
  if (!Object.hasOwn(config.targets, name)) throw unknownTarget(config, name);
  const target = config.targets[name] as TargetFile;
  const { timeouts, verify, retain, repository } = target;
  return {
    name,
    hosts: resolveHosts(config, name, target.hosts, env),
    ssh: resolveSsh(target.ssh),
    repository: { ...resolveRepository(repository), path: repository.path.replace(/(?<=.)\/+$/, '') },
    runtime: resolveRuntime(target),
    ...(target.env === undefined ? {} : { env: target.env satisfies EnvConfig }),
    ...some('hooks', resolveHooks(target.hooks)),
    waitMs: ms(String(target.wait)),
    health: target.health.map(
      ({ name: check, url, from, timeout, expect }): HealthRule => ({
        name: check,
        url,
        from,
        timeoutMs: ms(timeout),
        expect,
      }),
    ),
    verify: { deadlineMs: ms(verify.deadline), intervalMs: ms(verify.interval), passes: verify.passes },
    ...positive('recoveryMs', ms(String(target.recovery))),
    ...(target.database === undefined ? {} : { database: target.database }),
    ...positive('bakeMs', ms(String(target.bake))),
    ...(target.ports.local.length + target.ports.public.length > 0 ? { ports: target.ports } : {}),
    ...(target.notify.length > 0 ? { notify: target.notify.map((each): NotifyChannel => withoutUndefined(each)) } : {}),
    ...(target.monitor === undefined ? {} : { monitor: resolveMonitor(target.monitor) }),
    ...(target.drill === undefined ? {} : { drill: target.drill }),
    timeouts: {
      inspectMs: ms(timeouts.inspect),
      fetchMs: ms(timeouts.fetch),
      resetMs: ms(timeouts.reset),
      buildMs: ms(timeouts.build),
      startMs: ms(timeouts.start),
      recordMs: ms(timeouts.record),
      restoreMs: ms(timeouts.restore),
      unreachableMs: ms(timeouts.unreachable),
      graceMs: ms(timeouts.grace),
    },
    retain: { releases: retain.releases, jobs: retain.jobs, logBytes: parseSize(retain.log) ?? 0 },
  };
}

function unknownTarget(config: Config, name: string): DeployError {
  const names = Object.keys(config.targets);
  const found = `expected a target of ${config.path}, found ${JSON.stringify(name.slice(0, 80))}.`;
  return new DeployError(ErrorType.InvalidInput, `${found}${suggestion(name, names)} Targets: ${names.join(', ')}.`);
}

function resolveHosts(config: Config, target: string, hosts: readonly HostFile[], env: Environment): HostConfig[] {
  const resolved = hosts.map((host, index) =>
    resolveHost(host, env, `${config.path}: targets.${target}.hosts[${index}]`),
  );
  resolved.forEach(({ alias }, index) => {
    const first = resolved.findIndex((other) => other.alias === alias);
    if (first === index) return;
    throw new DeployError(
      ErrorType.InvalidInput,
      `${config.path}: targets.${target}.hosts: expected aliases that differ, found "${alias}" for hosts[${first}] and hosts[${index}]`,
      { hint: 'Give one of them a name: { name: web-2, address: … }.' },
    );
  });
  return resolved;
}

function resolveHost(host: HostFile, env: Environment, where: string): HostConfig {
  if (typeof host === 'string') return hostConfig(parsed(host, where), undefined, undefined, where);
  if ('address' in host) return hostConfig(host, host.name, host.jump, where);
  const value = env[host.env]?.trim();
  if (value === undefined || value === '') {
    throw new DeployError(ErrorType.InvalidInput, `${where}: expected the address in ${host.env}, found it not set`, {
      hint: `Set ${host.env} in the environment of the worker.`,
    });
  }
  // The value itself may be anything, a key by mistake too.
  const address = parseHostAddress(value);
  if (address === undefined) {
    throw new DeployError(
      ErrorType.InvalidInput,
      `${where}: expected ${host.env} to hold ${hostAddressForm}; it does not`,
    );
  }
  return hostConfig(address, host.name, host.jump, where);
}

type Jump = string | { address: string; user?: string | undefined; port?: number | undefined } | undefined;

export function hostConfig(
  {
    address,
    user = defaultUser,
    port = defaultPort,
  }: { address: string; user?: string | undefined; port?: number | undefined },
  name: string | undefined,
  jump: Jump,
  where: string,
): HostConfig {
  const host = { alias: name ?? aliasOf(address), address, user, port };
  if (jump === undefined) return host;
  const bastion = typeof jump === 'string' ? parsed(jump, where) : jump;
  return {
    ...host,
    jump: { address: bastion.address, user: bastion.user ?? defaultUser, port: bastion.port ?? defaultPort },
  };
}

function parsed(text: string, where: string): HostAddress {
  const address = parseHostAddress(text);
  if (address !== undefined) return address;
  throw new DeployError(ErrorType.InvalidInput, `${where}: expected ${hostAddressForm}; found ${JSON.stringify(text)}`);
}

export function resolveSsh({
  privateKey,
  knownHosts,
  hostKeys,
  connectTimeout,
  keepalive,
}: TargetFile['ssh']): SshConfig {
  // There is no way to switch the check off, so there is always something to check against.
  const known = knownHosts ?? (hostKeys === undefined ? './known_hosts' : undefined);
  return {
    ...withoutUndefined({ privateKey, knownHosts: known, hostKeys: hostKeys?.map((key) => key.replace(/=$/, '')) }),
    connectTimeoutMs: ms(connectTimeout),
    keepaliveMs: ms(keepalive),
  };
}

function resolveRuntime({ compose, commands }: TargetFile): RuntimeConfig {
  if (commands !== undefined) return { kind: 'commands', ...withoutUndefined(commands) };
  const { profile, profiles = [], files = [], project, pull = 'missing' } = compose ?? {};
  return {
    kind: 'compose',
    profiles: profile === undefined ? [...new Set(profiles)] : [profile],
    files,
    ...withoutUndefined({ project }),
    pull,
  };
}

/** Only what is not the default, so that a deploy's history is no longer than what was configured. */
function resolveRepository({ source, clone, ...rest }: TargetFile['repository']): RepositoryConfig {
  return { ...withoutUndefined(rest), ...(source === 'push' ? { source, clone: clone ?? '.' } : {}) };
}

function resolveHooks(hooks: TargetFile['hooks']): HooksConfig {
  return Object.fromEntries(
    Object.entries(hooks).flatMap(([name, hook]) =>
      hook === undefined ? [] : [[name, { run: hook.run, timeoutMs: ms(hook.timeout) }]],
    ),
  );
}

function resolveMonitor({ every, rollback }: NonNullable<TargetFile['monitor']>): MonitorConfig {
  return { everyMs: ms(every), ...(rollback === undefined ? {} : { rollbackAfter: rollback.after }) };
}

const some = <K extends string, T extends object>(key: K, value: T) =>
  (Object.keys(value).length > 0 ? { [key]: value } : {}) as { [_ in K]?: T };
const positive = <K extends string>(key: K, value: number) =>
  (value > 0 ? { [key]: value } : {}) as { [_ in K]?: number };

/** The schema has checked every duration before. */
const ms = (duration: string): number => parseDuration(duration) ?? 0;

/** JSON drops undefined, and what a deploy was started with should equal what its history says. */
function withoutUndefined<T extends object>(value: T): { [K in keyof T]: T[K] } {
  return Object.fromEntries(Object.entries(value).filter(([, item]) => item !== undefined)) as T;
}
