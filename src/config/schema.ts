import * as z from 'zod';
import { type NotifyEvent, notifyEvents } from '../contracts/target.ts';
import { parseDuration } from '../domain/duration.ts';
import { conditionProblem } from '../domain/env-file.ts';
import { ruleProblem } from '../domain/health-rules.ts';
import { nameRules } from '../domain/names.ts';
import { deployEvents } from '../domain/notification.ts';
import {
  condition,
  count,
  duration,
  isVisible,
  like,
  messageTemplate,
  named,
  oneOf,
  orZero,
  path,
  text,
} from './forms.ts';
import { hostAddressForm, parseHostAddress } from './host-address.ts';
import { parseSize } from './size.ts';

// No transforms here: the schema describes the file, `resolve-target.ts` what follows from it, and JSON Schema can be
// made of it. Every `error` goes on after the word "expected".

const variable = named(nameRules.variable);
// What every object has is none of an environment's, where it would be found all the same.
const workersVariable = text(
  `${nameRules.variable.what}: ${nameRules.variable.expected}`,
  (name) => nameRules.variable.fits(name) && !(name in {}),
  nameRules.variable.pattern,
);
const fromEnv = z.strictObject(
  { env: workersVariable.describe('The environment variable of the worker that holds it') },
  { error: '{ env } with the variable that holds it, never the value itself' },
);
const hostAddress = text(hostAddressForm, (value) => parseHostAddress(value) !== undefined);
const address = named(nameRules.address).describe('A host name or an IP address');
const user = named(nameRules.user).optional().describe('The login user, ubuntu by default');
const portForm = 'a port from 1 to 65535';
const portNumber = z.int({ error: portForm }).min(1, portForm).max(65_535, portForm).meta({ title: portForm });
const port = portNumber.optional().describe('Of its sshd; 22 by default');
const alias = named(nameRules.alias).optional().describe('Its alias in reports; made of the address by default');
const jump = z
  .union([hostAddress, z.strictObject({ address, user, port })], {
    error: `a bastion: ${hostAddressForm}, or { address, user, port }`,
  })
  .optional()
  .describe('The bastion to go through, with the same key and known hosts');

const host = z.union(
  [
    hostAddress,
    z.strictObject({ name: alias, address, user, port, jump }),
    fromEnv.extend({
      env: workersVariable.describe("The worker's environment variable that holds the address, or user@address:port"),
      name: alias,
      jump,
    }),
  ],
  { error: `a host: ${hostAddressForm}, or { name, address, user, port, jump }, or { env }` },
);

const ssh = z.strictObject({
  privateKey: z
    .union([fromEnv, z.strictObject({ file: path().describe('The key file, relative to this file; no passphrase') })], {
      error: 'where the key is, { env } or { file }, never the key',
    })
    .optional()
    .describe('Where the private key is; without it, the agent'),
  knownHosts: path()
    .optional()
    .describe('A known_hosts file, relative to this file; ./known_hosts by default. `dbc trust` adds to it'),
  hostKeys: z
    .array(named(nameRules.fingerprint), { error: 'a list of fingerprints' })
    .min(1, 'at least one fingerprint')
    .optional()
    .describe('Fingerprints, of which any is accepted for any host'),
  connectTimeout: duration('20s').describe('For one handshake with a host'),
  keepalive: duration('5s').describe(
    'How often a silent connection is tried; after three without an answer it is lost',
  ),
});

const hasNoPassword = (url: string): boolean => !/:\/\/[^/]*:[^/]*@/.test(url);
const repository = z.strictObject({
  path: named(nameRules.absolutePath).describe('The checkout on the host, absolute'),
  branch: named(nameRules.branch).describe('The branch of which deployed commits must be a part'),
  remote: named(nameRules.remote).default('origin').describe('The git remote that is fetched from'),
  url: text('a repository URL without a password in it', (url) => /^[^-\s][^\s]*$/.test(url) && hasNoPassword(url))
    .optional()
    .describe("When given, the remote's URL on the host, or with push in the worker's clone, must be this"),
  source: oneOf('fetch', 'push')
    .default('fetch')
    .describe('Who brings the commit: the host fetches it, or the worker pushes it from its clone'),
  clone: path().optional().describe("With push: the worker's clone, relative to this file; its folder by default"),
});

const profile = named(nameRules.profile);
const compose = z
  .strictObject({
    profile: profile.optional().describe('The one profile to start'),
    profiles: z.array(profile, { error: 'a list of profiles' }).optional().describe('Several profiles to start'),
    files: z
      .array(named(nameRules.relativePath), { error: 'a list of files' })
      .default([])
      .describe('Compose files, relative to the repository; those that Compose finds by default'),
    project: named(nameRules.project).optional().describe("Compose's project name; what runs keeps its own by default"),
    pull: oneOf('missing', 'always', 'never').default('missing').describe('Which images are pulled before the build'),
  })
  .refine((value) => value.profile === undefined || value.profiles === undefined, {
    error: 'either profile or profiles, not both',
    path: ['profiles'],
  })
  .meta({ not: { required: ['profile', 'profiles'] } });

const command = text('a shell command');
const commands = z.strictObject({
  build: command.optional().describe('Makes what `start` starts; what runs goes on'),
  start: command.describe('Replaces what runs'),
  stop: command.describe('Stops what runs'),
  status: command.describe('Exits 0 when everything runs'),
  restart: command
    .optional()
    .describe('Restarts the service in $DBC_SERVICE, or all of it when that is empty; `start` by default'),
  logs: command.optional().describe('For `dbc logs`; $DBC_SERVICE is the service that was asked for, or empty'),
});

const variables = z.array(variable, { error: 'a list of variables' });
const env = z.strictObject({
  file: named(nameRules.relativePath).describe('Relative to the repository'),
  required: variables.default([]).describe('Variables that must be there and not empty'),
  requiredWhen: z
    .array(
      z.strictObject({
        if: condition(conditionProblem).describe('CEL over env, a map of the variables'),
        then: variables.describe('Variables that must be there if it holds'),
        level: oneOf('error', 'warning').default('error').describe('Whether a missing one stops the deploy'),
      }),
      { error: 'a list of { if, then, level }' },
    )
    .default([])
    .describe('Variables that must be there in some cases'),
});

const hookCommand = z.strictObject({
  run: text('a shell command').describe('Run by bash in the repository on the host; $DBC_COMMIT is the new commit'),
  timeout: duration('5m').describe('After which it is ended, and has failed'),
});
const hooks = z.strictObject({
  before: hookCommand.optional().describe('After build, before start: migrations'),
  after: hookCommand.optional().describe('After verify; when it fails, the host is put back'),
  beforeRollback: hookCommand.optional().describe('In the release that is left, before an older commit is checked out'),
});

// A parser of URLs leaves out spaces and line breaks, which curl would read as the next line of its config.
const isHttp = (url: string): boolean =>
  !/\s/.test(url) &&
  isVisible(url) &&
  URL.canParse(url) &&
  /^https?:$/.test(new URL(url).protocol) &&
  hasNoPassword(url);
const ruleName = text('a label without control characters', isVisible);
const check = z.strictObject({
  name: like('a name of at most 60 characters in one line', /^[^\p{Cc}]{1,60}$/u).describe('What reports call it'),
  url: text('an http:// or https:// URL without a password in it', isHttp).describe('What is asked, with GET'),
  from: oneOf('host', 'worker').default('host').describe('Who asks: the host itself, or the worker as a visitor would'),
  timeout: duration('5s').describe('For one answer'),
  expect: z
    .record(ruleName, condition(ruleProblem), { error: 'a map of labels to CEL conditions' })
    .refine((rules) => Object.keys(rules).length > 0, 'at least one rule')
    .default({ answers: 'status >= 200 && status < 300' })
    .describe('CEL over status, headers, body, latencyMs and commit'),
});

const verify = z
  .strictObject({
    deadline: duration('2m').describe('How long it may take until all of it is healthy'),
    interval: duration('2s').describe('Between two looks'),
    passes: count(3).describe('Looks in a row that must all be good'),
  })
  .refine(
    ({ deadline, interval, passes }) => (passes - 1) * (parseDuration(interval) ?? 0) < (parseDuration(deadline) ?? 0),
    'a deadline that leaves time for all passes',
  );

const portList = z.array(portNumber, { error: 'a list of ports' }).default([]);
const ports = z.strictObject({
  local: portList.describe(
    'Ports that have to be free, or held by our own services, beside those that Compose publishes',
  ),
  public: portList.describe("Ports that have to answer from the worker: what the host's security group lets in"),
});

const secretUrl = z.union([text('an http:// or https:// URL without a password in it', isHttp), fromEnv], {
  error: 'an http:// or https:// URL, or { env }',
});
const eventList = (events: readonly NotifyEvent[]) =>
  z
    .array(z.enum(events, { error: events.join(', ') }), { error: 'a list of events' })
    .min(1, 'at least one event')
    .default([...events])
    .describe('Of which events; all by default');
const on = eventList(notifyEvents);
const template = messageTemplate()
  .optional()
  .describe(
    'The message; {event}, {target}, {commit}, {subject}, {actor}, {outcome}, {reason}, {text} and {link} are filled in',
  );
const channel = z.union(
  [
    z.strictObject({ slack: fromEnv.describe("The webhook's URL, which is a secret"), on, template }),
    z.strictObject({
      webhook: secretUrl.describe('Where the message is sent, as JSON; or the variable that holds the URL'),
      secret: fromEnv.optional().describe('The key with which the body is signed (HMAC-SHA256)'),
      on,
      template,
    }),
    z.strictObject({
      github: like('owner/name', /^[\w.-]+\/[\w.-]+$/).describe('The repository whose deployments show it'),
      token: fromEnv.describe('A token that may write deployments'),
      environment: text('a name').optional().describe("The environment in GitHub; the target's name by default"),
      api: text('an http:// or https:// URL', isHttp).default('https://api.github.com').describe("GitHub's API"),
      on: eventList(deployEvents),
    }),
  ],
  { error: 'a channel: { slack: { env } }, { webhook, secret }, or { github, token }' },
);

const monitor = z.strictObject({
  every: duration('5m').describe('How often it looks'),
  rollback: z
    .strictObject({ after: count(3).describe('Failing checks in a row') })
    .optional()
    .describe('Go back to the last good release by itself'),
});
const cron = like('a cron expression such as 0 4 * * 0, in UTC', /^(@\w+|(\S+ ){4}\S+)$/);
const drill = z.strictObject({ schedule: cron.describe('When it is rehearsed') });

const timeouts = z.strictObject({
  inspect: duration('1m').describe('For the checks and the snapshot of one host'),
  fetch: duration('2m').describe('For `git fetch`, or the push'),
  reset: duration('1m').describe('For the checkout'),
  build: duration('30m').describe('For the pull and the build'),
  start: duration('10m').describe('For `docker compose up`, or your own command'),
  record: duration('5m').describe('For writing the release and pruning old ones'),
  restore: duration('15m').describe('For putting a host back; after it an operator is asked for'),
  unreachable: duration('5m').describe('How long a step keeps trying to reach a host'),
  grace: duration('10s').describe('Between TERM and KILL of a cancelled command'),
});

const retain = z.strictObject({
  releases: count(5).describe('Releases whose images and commits stay on the host, for a quick rollback'),
  jobs: count(50).describe('Logs of commands that stay on the host'),
  log: text(
    'a size such as 64KB or 16MB, at most 1GB',
    (value) => parseSize(value) !== undefined,
    /^\d{1,6}(KB|MB|GB)$/,
  )
    .default('16MB')
    .describe('Of one such log'),
});

const target = z
  .strictObject({
    hosts: z
      .array(host, { error: 'a list of hosts' })
      .min(1, 'at least one host')
      .describe('The machines, which all run it'),
    ssh: ssh.prefault({}).describe('How the hosts are reached, and known'),
    repository: repository.describe('What is deployed'),
    compose: compose.optional().describe('How Docker Compose runs it; needed only for more than `docker compose up`'),
    commands: commands.optional().describe('What to run when it is not Docker Compose'),
    env: env.optional().describe('The env file on the host'),
    hooks: hooks.prefault({}).describe('Commands of yours around a deploy'),
    wait: orZero('15s').describe('Between start and verify'),
    health: z
      .array(check, { error: 'a list of health checks' })
      // A check's name stands for it in the snapshot's baseline.
      .refine(
        (checks) => new Set(checks.map(({ name }) => name)).size === checks.length,
        'a name of its own for each check',
      )
      .default([])
      .describe('What must hold for a release to be healthy, beside its services'),
    verify: verify.prefault({}).describe('How a release is looked at after it was started'),
    recovery: orZero('2m').describe(
      'How long a release that is not healthy is helped before it is put back; 0: not at all',
    ),
    database: named(nameRules.service)
      .optional()
      .describe('The service that is the database; found by its name or image by default'),
    bake: orZero(0).describe('How long health is watched after verify, with the way back still open'),
    ports: ports.prefault({}).describe('What must be free before, or answer after'),
    notify: z.array(channel, { error: 'a list of channels' }).default([]).describe('Who is told'),
    monitor: monitor.optional().describe('Looks at health and drift every few minutes; `dbc setup` schedules it'),
    drill: drill.optional().describe('Rehearses a rollback; `dbc setup` schedules it'),
    timeouts: timeouts.prefault({}).describe('How long each step may take'),
    retain: retain.prefault({}).describe('What is kept on the hosts'),
  })
  .refine((value) => value.compose === undefined || value.commands === undefined, {
    error: 'either compose or commands, not both',
    path: ['commands'],
    // Also when something else is wrong: all errors are shown at once.
    when: ({ value }) => typeof value === 'object' && value !== null,
  })
  .meta({ not: { required: ['compose', 'commands'] } });

/** What `deploy.yaml` may say. Unknown keys are refused everywhere. */
export const configSchema = z
  .strictObject({
    targets: z
      .record(named(nameRules.target), target, { error: 'a map of targets' })
      .refine((targets) => Object.keys(targets).length > 0, 'at least one target')
      .describe('Where to deploy to, by name'),
  })
  .describe('The config of deploy-by-commit');

/** How hosts are reached where no file says it. */
export const defaultSsh = ssh.parse({});

export type TargetFile = z.output<typeof target>;
export type HostFile = z.output<typeof host>;
