/**
 * An imitation of the two resources of GitHub's REST API that are used here, deployments and their statuses. It checks
 * what is asked as GitHub's documentation describes it (REST API 2022-11-28); it is not GitHub.
 */
import assert from 'node:assert/strict';
import { answer, type HttpReceiver, type Received, startHttpReceiver } from './http-receiver.ts';

export interface Deployment {
  id: number;
  sha: string;
  environment: string;
  payload: unknown;
  statuses: { state: string; description: string; log_url?: string }[];
}

export interface GithubImitation extends HttpReceiver {
  deployments: Deployment[];
}

const states = ['error', 'failure', 'inactive', 'in_progress', 'queued', 'pending', 'success'];

export async function startGithubImitation(repository: string, token: string): Promise<GithubImitation> {
  const deployments: Deployment[] = [];
  const at = `/repos/${repository}/deployments`;

  function reply({ method, path, headers, body }: Received): [status: number, body: unknown] {
    if (headers.authorization !== `Bearer ${token}`) return [401, { message: 'Bad credentials' }];
    const { pathname, searchParams } = new URL(path, 'http://github');
    const found = new RegExp(`^${at}/(\\d+)/statuses$`).exec(pathname);
    if (pathname !== at && !found) return [404, { message: 'Not Found' }];
    try {
      assert.equal(headers.accept, 'application/vnd.github+json');
      assert.ok(headers['user-agent'], 'GitHub refuses requests without a user agent');
      if (method === 'GET') return [200, deployments.filter((each) => wanted(each, searchParams))];
      const sent = JSON.parse(body);
      if (!found) return [201, create(sent)];
      const deployment = deployments.find(({ id }) => id === Number(found[1]));
      if (!deployment) return [404, { message: 'Not Found' }];
      assert.ok(states.includes(sent.state), `state ${sent.state}`);
      assert.ok(sent.description.length <= 140, 'description is too long (maximum is 140 characters)');
      deployment.statuses.push(sent);
      return [201, { id: deployment.statuses.length, ...sent }];
    } catch (error) {
      return [422, { message: `Validation Failed: ${(error as Error).message}` }];
    }
  }

  function create(sent: { ref: string; environment: string; payload: unknown; [key: string]: unknown }): Deployment {
    assert.match(sent.ref, /^[0-9a-f]{40}$/);
    assert.equal(sent['auto_merge'], false);
    assert.deepEqual(sent['required_contexts'], []);
    const { ref, environment, payload } = sent;
    const deployment = { id: 100 + deployments.length, sha: ref, environment, payload, statuses: [] };
    deployments.push(deployment);
    return deployment;
  }

  const receiver = await startHttpReceiver((response, received) => {
    const [status, body] = reply(received);
    answer(status, JSON.stringify(body), { 'content-type': 'application/json' })(response, received);
  });
  return Object.assign(receiver, { deployments });
}

const wanted = ({ sha, environment }: Deployment, query: URLSearchParams): boolean =>
  (query.get('sha') ?? sha) === sha && (query.get('environment') ?? environment) === environment;
