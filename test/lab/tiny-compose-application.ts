/**
 * The smallest Compose application that is worth attacking, as files of a repository. It builds and starts in about a
 * second each, and answers its commit and health as JSON on port 8080. `web` is built and comes back by itself after a
 * reboot; `ticker` is only pulled and does not.
 *
 *   health         FAIL instead of PASS: it runs and says that it is not well
 *   build          run by the build; `buildWaits` waits in it until the test says go
 *   paper          goes through a filter on its way out of git, where a checkout can be held half way
 */
export const tinyComposeApplication: Record<string, string> = {
  '.gitattributes': 'paper filter=lab\n',
  '.dockerignore': '.git\n',
  'docker-compose.yml': composeFile('sleep'),
  Dockerfile: `FROM busybox:1
COPY health build /app/
ARG COMMIT=unknown
RUN sh /app/build && mkdir /www && printf '{"commit":"%s","health":"%s"}\\n' "$COMMIT" "$(cat /app/health)" >/www/health.json
CMD ["httpd", "-f", "-p", "8080", "-h", "/www"]
`,
  health: 'PASS\n',
  build: 'true\n',
  paper: '0\n',
};

/** A `build` that is in the midst of its work until somebody makes /go in its container. */
export const buildWaits = 'until [ -e /go ]; do sleep 0.05; done; rm /go\n';

/** A `Dockerfile` whose `web` answers only in a container that was started before: it is well once it was restarted. */
export const wellOnceRestarted = (tinyComposeApplication['Dockerfile'] ?? '').replace(
  /^CMD .*\n/m,
  'CMD ["sh", "-c", "[ -e /started ] || { touch /started; exec sleep 1000000; }; exec httpd -f -p 8080 -h /www"]\n',
);

/** A `docker-compose.yml` with which `up` fails, after it has replaced one of the two services. */
export const startFails = composeFile('/nowhere');

function composeFile(ticker: string): string {
  return `services:
  web:
    build: { context: ., args: { COMMIT: "\${DBC_COMMIT:-unknown}" } }
    ports: ["8080:8080"]
    restart: unless-stopped
    # Nothing of it listens to TERM.
    stop_signal: SIGKILL
    healthcheck: { test: [CMD, wget, -q, -O, /dev/null, "http://127.0.0.1:8080/health.json"], interval: 1s, retries: 5 }
  ticker:
    image: busybox:1
    command: [${ticker}, "1000000"]
    stop_signal: SIGKILL
    depends_on: [web]
`;
}
