# The worker of a Temporal of your own (docker-compose.temporal.yml, docs/production.md); every other command is in it too:
#
#   docker build -t deploy-by-commit .
#   docker run --rm -e TEMPORAL_ADDRESS=temporal.internal:7233 deploy-by-commit status
#
# In a closed network --build-arg NODE_IMAGE names another Debian with Node 20.19 or newer and a user `node`, where git
# may be in it already, and --build-arg NPM_CONFIG_REGISTRY another registry.
ARG NODE_IMAGE=node:24.21.0-bookworm-slim

FROM ${NODE_IMAGE} AS build
ARG NPM_CONFIG_REGISTRY
WORKDIR /src
COPY .npmrc package.json package-lock.json ./
# Their scripts would only compile what is there without them.
RUN npm ci --ignore-scripts
COPY . .
# Temporal's core comes for five platforms, 30 MB each.
RUN npm run build && npm prune --omit=dev --ignore-scripts && \
    cd node_modules/@temporalio/core-bridge/releases && \
    find . -mindepth 1 -maxdepth 1 ! -name "$(uname -m)-unknown-linux-gnu" -exec rm -r {} +

FROM ${NODE_IMAGE}
# git is for `source: push`. What comes with Node to build and install goes.
RUN { command -v git || { apt-get update && apt-get install -y --no-install-recommends ca-certificates git && \
      rm -rf /var/lib/apt/lists/*; }; } && \
    rm -rf /usr/local/lib/node_modules /usr/local/include/node /opt/yarn-* \
      /usr/local/bin/npm /usr/local/bin/npx /usr/local/bin/corepack /usr/local/bin/yarn /usr/local/bin/yarnpkg && \
    ln -s /app/dist/src/cli/main.js /usr/local/bin/dbc
WORKDIR /app
COPY --from=build /src/package.json ./
COPY --from=build /src/node_modules node_modules
COPY --from=build /src/dist dist
COPY docs/troubleshooting.md docs/
# The C library gives freed memory back earlier: a worker waits more than it computes.
ENV NODE_ENV=production MALLOC_TRIM_THRESHOLD_=131072
USER node
WORKDIR /etc/deploy-by-commit
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s CMD ["node", "-e", "fetch('http://127.0.0.1:8234/healthz').then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["dbc"]
CMD ["serve", "--listen", "127.0.0.1:8234"]
