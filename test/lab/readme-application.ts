/**
 * An application of a user of ours, as files of a repository: what the README's `deploy.yaml` describes. One service that is
 * built in a second, answers its commit, and takes as long to build as `build` says.
 */
export const readmeApplication: Record<string, string> = {
  '.dockerignore': '.git\n.env.aws\n',
  '.gitignore': '.env.aws\n',
  'docker-compose.yml': `services:
  backend-aws:
    profiles: [aws]
    build: { context: ., args: { COMMIT: "\${DBC_COMMIT:-unknown}" } }
    env_file: .env.aws
    ports: ["8002:8002"]
    stop_signal: SIGKILL
`,
  Dockerfile: `FROM busybox:1
COPY build /app/
ARG COMMIT=unknown
RUN sh /app/build && mkdir -p /www/api && printf '{"commit":"%s"}' "$COMMIT" >/www/api/health
CMD ["httpd", "-f", "-p", "8002", "-h", "/www"]
`,
  build: 'true\n',
};
