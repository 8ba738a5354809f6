# Seatcast alone; it wants a DATABASE_URL (docker-compose.yml brings a Postgres).

FROM node:22-bookworm-slim AS web
WORKDIR /src/web
COPY web/package.json web/package-lock.json ./
COPY web/client/angular/package.json client/angular/
COPY web/test/frameworks/react-18/package.json test/frameworks/react-18/
RUN npm ci --ignore-scripts
COPY web ./
RUN npm run build

FROM rust:1-bookworm AS server
WORKDIR /src
COPY . .
COPY --from=web /src/web/dist web/dist
RUN cargo build --release --locked --bin seatcast

FROM debian:bookworm-slim
# Whom the machine trusts: for `sslmode=verify-full`.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --no-create-home seatcast
COPY --from=server /src/target/release/seatcast /usr/local/bin/seatcast
USER seatcast
ENV HOST=0.0.0.0 PORT=8000
EXPOSE 8000
# The image has no HTTP client; bash can speak enough of it.
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s CMD ["bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/$PORT && printf 'GET /readyz HTTP/1.0\\r\\n\\r\\n' >&3 && head -n 1 <&3 | grep -q ' 200 '"]
ENTRYPOINT ["seatcast"]
CMD ["serve"]
