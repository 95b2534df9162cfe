# Hatchery in a container: `docker-compose up --build`, or docs/deployment.md for `docker run`.
#
#   hatchery   the service and Debian's Python (the default)
#   data       the same with numpy, pandas and matplotlib
#   dev        compiler and sources: what docker-compose.override.yml runs
#
# Debian's packages alone; no step needs BuildKit.

FROM debian:trixie-slim AS build
ENV DEBIAN_FRONTEND=noninteractive
WORKDIR /hatchery
COPY tools/deps.sh tools/
RUN tools/deps.sh build && rm -rf /var/lib/apt/lists/*
COPY web/package.json web/package-lock.json web/
COPY tools/build.sh tools/
RUN tools/build.sh --web
COPY meson.build meson_options.txt ./
COPY packaging packaging/
COPY tools tools/
COPY web web/
COPY docs/hatchery.1 docs/hatchery.conf.5 docs/
COPY src src/
RUN tools/build.sh build --prefix=/usr -Dtests=false && DESTDIR=/out meson install -C build --no-rebuild --strip --tags runtime --quiet

FROM build AS dev
ENV HATCHERY_LISTEN=0.0.0.0:8000
STOPSIGNAL SIGTERM
CMD ["tools/dev.sh", "build"]

FROM debian:trixie-slim AS hatchery
LABEL org.opencontainers.image.title="hatchery" \
      org.opencontainers.image.description="Runs Python code over HTTP, each program in a fresh warm sandbox" \
      org.opencontainers.image.licenses="MIT"
RUN apt-get -o Acquire::Retries=3 update && DEBIAN_FRONTEND=noninteractive apt-get install -o Acquire::Retries=3 -y --no-install-recommends \
        python3 libuv1t64 libjansson4 libseccomp2 libsodium23 libllhttp9.2 zlib1g tzdata media-types \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt /var/log/*
COPY --from=build /out/ /
# `docker stop` kills after 10 seconds: what runs is ended before.
ENV HATCHERY_LISTEN=0.0.0.0:8000 HATCHERY_DRAIN_TIMEOUT=8
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=5s --start-period=10s CMD ["hatchery", "health"]
# Root, but next to no capability: docs/deployment.md tells which three, and what each is for.
ENTRYPOINT ["hatchery"]
CMD ["serve"]

FROM hatchery AS data
RUN apt-get -o Acquire::Retries=3 update && DEBIAN_FRONTEND=noninteractive apt-get install -o Acquire::Retries=3 -y --no-install-recommends \
        python3-numpy python3-pandas python3-matplotlib \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt /var/log/*

FROM hatchery
