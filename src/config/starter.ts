import { stringify } from 'yaml';
import type { FoundCompose } from './found-compose.ts';

/** What has to be known for a first `deploy.yaml`. */
export interface Starter {
  target: string;
  /** Each `user@address[:port]`. */
  hosts: string[];
  /** The private key's file; without it the agent. */
  key?: string;
  path: string;
  branch: string;
  profile?: string;
  compose?: FoundCompose;
}

/** A file to begin with: what is known, and as comments what comes next. `schemaFile` is relative to it. */
export function starterConfig(starter: Starter, schemaFile: string): string {
  const { target, hosts, key, path, branch } = starter;
  return `# yaml-language-server: $schema=${schemaFile}
# How dbc deploys this repository. \`dbc config\` checks this file; your editor completes it by the schema above.
targets:
  ${target}:
    hosts:
${hosts.map((host) => `      - ${scalar(host)}\n`).join('')}    ssh:
${
  key === undefined
    ? '      # privateKey: { file: ~/.ssh/id_ed25519 } # or { env: EC2_KEY }; without it, the keys of your ssh-agent\n'
    : `      privateKey:\n        file: ${scalar(key)}\n`
}      knownHosts: ./known_hosts # \`dbc trust ${target}\` writes it; host keys are always checked
    repository:
      path: ${scalar(path)} # the checkout on the hosts
      branch: ${scalar(branch)} # only its commits are deployed
${runtime(starter)}${envFile(starter)}    wait: 15s # between start and the first look
    # verify: { deadline: 2m } # so long a release may take to be healthy
    # recovery: 2m # so long it is helped then, before the hosts are put back
${health(starter)}`;
}

function runtime({ compose, profile }: Starter): string {
  if (compose === undefined) {
    return `    # There was no compose file here. \`docker compose\` is what runs your services, or else commands of yours:
    # commands:
    #   build: npm ci && npm run build
    #   start: sudo systemctl restart my-app # replaces what runs
    #   stop: sudo systemctl stop my-app
    #   status: systemctl is-active my-app # exits 0 when all is well
`;
  }
  const services = `    # Services of ${compose.file}: ${compose.services.map(({ name }) => name).join(', ')}\n`;
  return profile === undefined ? services : `${services}    compose:\n      profile: ${scalar(profile)}\n`;
}

function envFile({ compose, target }: Starter): string {
  const [mark, file] = compose?.envFile === undefined ? ['# ', '.env'] : ['', scalar(compose.envFile)];
  return `    ${mark}env:
    ${mark}  file: ${file} # on the hosts, in the checkout; \`dbc env check ${target}\` tells what is set, never to what
    ${mark}  # required: [DATABASE_URL] # a deploy is refused without them
`;
}

/** As comments: a rule that was guessed would put back good releases. */
function health({ compose }: Starter): string {
  const { name = 'app', port = 8080 } = compose?.services.find((service) => service.port !== undefined) ?? {};
  return `    # What must hold for a release to be healthy, beside its services: CEL over status, headers, body, latencyMs, commit.
    # health:
    #   - name: ${name}
    #     url: http://localhost:${port}/ # asked on the host; with \`from: worker\`, from outside
    #     expect:
    #       answers: status == 200
    #       this commit: body.commit == commit # your services get DBC_COMMIT when they are built and started
`;
}

const scalar = (value: string): string => stringify(value, { lineWidth: 0 }).trimEnd();
