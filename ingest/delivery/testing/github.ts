import { startStandIn, type StandIn } from './stand-in.js';

/** An issue of the stand-in. */
export interface FakeIssue {
  number: number;
  title: string;
  body: string;
  labels: string[];
  state: 'open' | 'closed';
  html_url: string;
  comments: string[];
}

/** GitHub's REST API for the issues of one repository, as it documents it: status, required fields, types. */
export interface FakeGitHub extends StandIn {
  issues: FakeIssue[];
  /** Cuts the connection after the next request of this kind was carried through. */
  cutAfter(request: string): void;
  /** Answers the next request with this status and headers, and does nothing. */
  refuseOnce(status: number, headers?: Record<string, string>): void;
}

const TOKEN = ['github', 'pat_FAKE0000FAKE0000'].join('_');
export const GITHUB_TOKEN = TOKEN;

export async function startGitHub(repository: string): Promise<FakeGitHub> {
  const issues: FakeIssue[] = [];
  let cut: string | undefined;
  let refusal: { status: number; headers: Record<string, string> } | undefined;
  const service = await startStandIn(({ method, url, headers, body }, response) => {
    const answer = (status: number, value: unknown): void => {
      if (cut === `${method} ${path}`) {
        cut = undefined;
        response.destroy();
        return;
      }
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
    };
    const { pathname, searchParams } = new URL(url, 'http://stand-in');
    const [, rest = ''] = pathname.split(`/repos/${repository}`);
    const [, number = '', sub = ''] = /^\/issues(?:\/(\d+))?(\/comments)?$/.exec(rest) ?? [];
    const path = rest.replace(/\d+/, 'N');
    if (refusal !== undefined) {
      const { status, headers: own } = refusal;
      refusal = undefined;
      response.writeHead(status, own).end('{"message":"refused"}');
      return;
    }
    if (headers.authorization !== `Bearer ${TOKEN}`) {
      answer(401, { message: 'Bad credentials' });
      return;
    }
    if (!rest.startsWith('/issues')) {
      answer(404, { message: 'Not Found' });
      return;
    }
    const sent = body === '' ? {} : (JSON.parse(body) as Record<string, unknown>);
    const isText = (value: unknown, max: number): value is string =>
      typeof value === 'string' && value !== '' && value.length <= max;
    const issue = issues.find((each) => each.number === Number(number));
    if (number === '' && method === 'GET') {
      if (searchParams.get('state') !== 'all') {
        answer(422, { message: 'expected every state' });
        return;
      }
      answer(200, [...issues].reverse());
      return;
    }
    if (number === '' && method === 'POST') {
      if (!isText(sent['title'], 256) || !isText(sent['body'], 65_536)) {
        answer(422, { message: 'Validation Failed' });
        return;
      }
      const made: FakeIssue = {
        number: issues.length + 1,
        title: sent['title'],
        body: sent['body'],
        labels: sent['labels'] as string[],
        state: 'open',
        html_url: `https://github.test/${repository}/issues/${String(issues.length + 1)}`,
        comments: [],
      };
      issues.push(made);
      answer(201, made);
      return;
    }
    if (issue === undefined) {
      answer(404, { message: 'Not Found' });
      return;
    }
    if (sub !== '' && method === 'GET') {
      answer(
        200,
        issue.comments.map((text) => ({ body: text })),
      );
      return;
    }
    if (sub !== '' && method === 'POST') {
      if (!isText(sent['body'], 65_536)) {
        answer(422, { message: 'Validation Failed' });
        return;
      }
      issue.comments.push(sent['body']);
      answer(201, { body: sent['body'] });
      return;
    }
    if (method === 'PATCH') {
      if (sent['state'] !== 'open' && sent['state'] !== 'closed') {
        answer(422, { message: 'Validation Failed' });
        return;
      }
      issue.state = sent['state'];
    }
    answer(200, issue);
  });
  return Object.assign(service, {
    issues,
    cutAfter(request: string) {
      cut = request;
    },
    refuseOnce(status: number, headers = {}) {
      refusal = { status, headers };
    },
  });
}
