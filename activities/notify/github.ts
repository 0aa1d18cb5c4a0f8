import type { Outcome } from '../../src/contracts/deploy.ts';
import type { NotifyChannel, NotifyEvent } from '../../src/contracts/target.ts';
import { summaryOf } from '../../src/domain/notification.ts';
import { NotTold, type Request, request, type Telling } from './request.ts';

/** GitHub takes 140 characters as a description. */
const descriptionLength = 140;

/**
 * A deployment on GitHub and its status, so that commit, pull request and environment show what became of them. The
 * deployment is found again by our ID in its payload, so nothing has to be kept here, and an attempt that was not
 * answered makes no second one.
 */
export async function tellGithub(
  { github, token, environment, api }: Extract<NotifyChannel, { github: unknown }>,
  { message, secret, signal }: Telling,
): Promise<void> {
  const { target, event, facts, link } = message;
  const { deploy = '', commit = '', kind = 'deploy', outcome } = facts;
  const place = environment ?? target;
  const deployments = `${api.replace(/\/+$/, '')}/repos/${github}/deployments`;
  const headers = {
    accept: 'application/vnd.github+json',
    authorization: `Bearer ${secret(token.env)}`,
    'x-github-api-version': '2022-11-28',
    'content-type': 'application/json',
  };
  const ask = async (more: Pick<Request, 'url' | 'method' | 'body'>): Promise<unknown> =>
    parsed(await request({ name: 'api', headers, signal, ...more }));

  const query = new URLSearchParams({ sha: commit, environment: place, per_page: '30' });
  const known = await ask({ method: 'GET', url: `${deployments}?${query}` });
  const ours = Array.isArray(known) ? known.find(({ payload }) => deployIn(payload) === deploy) : undefined;
  const description = summaryOf(message, descriptionLength);
  const deployment =
    ours ??
    (await ask({
      url: deployments,
      body: JSON.stringify({
        ref: commit,
        task: kind,
        environment: place,
        description,
        payload: { dbc: deploy },
        // What is deployed is this commit and no merge of it, and whether it may be is not GitHub's question.
        auto_merge: false,
        required_contexts: [],
      }),
    }));
  const id = idOf(deployment);
  await ask({
    url: `${deployments}/${id}/statuses`,
    body: JSON.stringify({
      state: stateOf(event, outcome),
      environment: place,
      description,
      ...(link === undefined ? {} : { log_url: link }),
    }),
  });
}

function stateOf(event: NotifyEvent, outcome: Outcome | undefined): string {
  if (event === 'started') return 'in_progress';
  if (event === 'succeeded') return 'success';
  if (event === 'needs-operator') return 'error';
  // Stopped on purpose, or by another deploy: nothing is wrong with the commit.
  return outcome === 'aborted' || outcome === 'superseded' ? 'inactive' : 'failure';
}

function parsed(answer: string): unknown {
  try {
    return JSON.parse(answer);
  } catch {
    throw new NotTold('it answered something that is not JSON', { permanent: true });
  }
}

/** GitHub gives a payload back as it was sent, or as text where it was made so. */
function deployIn(payload: unknown): unknown {
  const object = typeof payload === 'string' ? tryParse(payload) : payload;
  return typeof object === 'object' && object !== null && 'dbc' in object ? object.dbc : undefined;
}

function tryParse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function idOf(deployment: unknown): number {
  const id = typeof deployment === 'object' && deployment !== null && 'id' in deployment ? deployment.id : undefined;
  if (typeof id === 'number') return id;
  throw new NotTold('it answered without the ID of a deployment', { permanent: true });
}
