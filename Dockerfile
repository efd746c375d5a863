# The server in an image: docs/server.md says how to use it.

FROM rust:1.95-slim-bookworm AS build
WORKDIR /source
COPY . .
RUN cargo build --release --locked --package verigator-server --bin verigator

FROM debian:bookworm-slim
# To ask providers and databases over TLS.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 10001 --no-create-home --shell /usr/sbin/nologin verigator \
    && install --directory --owner=verigator --mode=700 /data
COPY --from=build /source/target/release/verigator /usr/local/bin/

USER verigator
WORKDIR /data
VOLUME /data
EXPOSE 8080
ENV VERIGATOR_LISTEN=0.0.0.0:8080 \
    VERIGATOR_STORE=sqlite:/data/verigator.db \
    VERIGATOR_KEY_FILE=/data/verigator.key \
    VERIGATOR_LOG_FORMAT=json
# Without a program for HTTP, of which the image has none.
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s CMD ["bash", "-c", \
    "exec 3<>/dev/tcp/127.0.0.1/8080 && printf 'GET /healthz HTTP/1.0\\r\\n\\r\\n' >&3 && grep -q '\"ok\"' <&3"]
ENTRYPOINT ["verigator"]
CMD ["serve"]
