# backend.Dockerfile tells why it looks like this.
FROM node:20-slim
ENV SERVICE=market-updater READY_FILE=/tmp/ready
WORKDIR /app
COPY --chown=node . .
USER node
CMD ["node", "src/market-updater.mjs"]
ARG GIT_COMMIT=unknown
ENV GIT_COMMIT=$GIT_COMMIT
