# syntax=docker/dockerfile:1
# One image for all services: SERVICES says which of them a container runs.
#   docker build --tag veche:0.1.0 .
# For a build that can be repeated give the digest: --build-arg BASE=node:24-bookworm-slim@sha256:…
ARG BASE=node:24-bookworm-slim

FROM ${BASE} AS dependencies
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
# `node` is among the development dependencies, for those who have another: the image has its own.
RUN npm ci --omit=dev --no-audit --no-fund && npm cache clean --force

FROM ${BASE}
ARG VERSION=0.1.0
ARG REVISION=
LABEL org.opencontainers.image.title="Veche" \
      org.opencontainers.image.description="A social network and messenger: Moleculer services over NATS, MongoDB behind them, one gateway" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
ENV NODE_ENV=production \
    HOST=0.0.0.0 \
    PORT=3000 \
    HEALTH_PORT=9090 \
    DATA_DIR=/data
WORKDIR /app
COPY --from=dependencies /app/node_modules ./node_modules
COPY . .
# What a container keeps; everything else may be read-only.
RUN mkdir /data && chown 1000:1000 /data
VOLUME /data
# A number, so that Kubernetes can tell that it is not root.
USER 1000:1000
EXPOSE 3000 9090
# Alive, whatever it depends on is. No shell.
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=6 \
  CMD ["node", "scripts/healthcheck.mjs"]
# Node is the first process: it handles SIGTERM itself, and starts one kind of process, the decoder of photos, which it waits for.
ENTRYPOINT ["node"]
CMD ["scripts/start.ts"]
