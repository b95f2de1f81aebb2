# One image for the web process, the workers and Flower; what it runs is the command's business.
FROM python:3.12-slim AS build
WORKDIR /src
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY release release
COPY cluster cluster
COPY source source
COPY webhook webhook
COPY tasks tasks
COPY worker worker
COPY manifests manifests
COPY cli cli
COPY sandbox sandbox
RUN python -m venv /opt/verdigris \
 && /opt/verdigris/bin/pip install --no-cache-dir -c constraints.txt '.[flower]'

FROM python:3.12-slim
# git for checkouts, gpg and ssh-keygen for signed tags, tini so that a signal reaches every process.
RUN apt-get update \
 && apt-get install -y --no-install-recommends git gpg openssh-client tini \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --uid 10001 --create-home --home-dir /home/verdigris verdigris \
 && install -d -o verdigris -g verdigris /data
COPY --from=build /opt/verdigris /opt/verdigris
ENV PATH=/opt/verdigris/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    VERDIGRIS_CONFIG=/etc/verdigris/verdigris.yml \
    VERDIGRIS_DATA=/data
USER 10001:10001
VOLUME /data
EXPOSE 8000
ENTRYPOINT ["tini", "--"]
CMD ["verdigris", "web", "--bind", "0.0.0.0:8000"]
