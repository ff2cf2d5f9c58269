# Sentinel Batch: the service (the default command), and with other commands everything else that the program can do.
# docs/deployment/rehearse.py goes through the same steps without Docker.

ARG BASE=python:3.11-slim-bookworm

FROM ${BASE} AS build
WORKDIR /source
COPY pyproject.toml constraints.txt LICENSE README.md ./
COPY audio_batch audio_batch
COPY batch_base batch_base
COPY sentinel_batch sentinel_batch
COPY docs/deployment/install.sh docs/deployment/nightly-loop.sh docs/deployment/
ARG EXTRAS=audio,encryption,notify,oidc,s3,service,sftp
RUN python3 -m pip wheel --no-cache-dir --disable-pip-version-check --no-deps --wheel-dir /dist . \
    && sh docs/deployment/install.sh /opt/sentinel /dist/*.whl "$EXTRAS"

FROM ${BASE}
RUN python3 -m pip uninstall --yes --quiet --root-user-action ignore pip setuptools wheel \
    && groupadd --system --gid 10001 sentinel \
    && useradd --system --uid 10001 --gid 10001 --home-dir /var/lib/sentinel --shell /usr/sbin/nologin sentinel \
    && install --directory --owner sentinel --group sentinel /var/lib/sentinel
COPY --from=build /opt/sentinel /opt/sentinel
# The root file system may be read-only: all that is written is in the volume, or in /tmp.
ENV PATH=/opt/sentinel/bin:/usr/local/bin:/usr/bin:/bin \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    SENTINEL_LAKE=/var/lib/sentinel/lake \
    SENTINEL_INBOX=/var/lib/sentinel/inbox \
    SENTINEL_REPORTS=/var/lib/sentinel/reports
USER 10001:10001
WORKDIR /var/lib/sentinel
VOLUME /var/lib/sentinel
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8000/healthz', timeout=4)"]
ENTRYPOINT ["sentinel-batch"]
CMD ["serve", "--host", "0.0.0.0"]
