# Needs no network. The three images share no layer of ours, on purpose: Compose builds them at the same time, and the
# classic builder would race for the shared ones, so that a second build of the same commit gave other image IDs.
FROM node:20-slim
ENV SERVICE=backend READY_FILE=/tmp/ready
WORKDIR /app
COPY --chown=node . .
# Of all three services: it is one set of sources, and no other image need check it again.
RUN node --no-warnings --experimental-vm-modules src/build.mjs
USER node
CMD ["node", "src/backend.mjs"]
# Last, so that a new commit that changes no file reuses the layers above, and still is an image of its own.
ARG GIT_COMMIT=unknown
ENV GIT_COMMIT=$GIT_COMMIT
