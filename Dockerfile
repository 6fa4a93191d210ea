# Images of the service. No compiler is needed anywhere: all packages come as binaries.
#
#   docker build --target app-image -t swpt-trade .                # the service
#   docker build --target sandbox-image -t swpt-trade-sandbox .    # with the world around it, for development
#   docker build --target swagger-ui-image -t swpt-trade-swagger . # the documentation of the admin Web API
#
# The base image is pinned by its version. For builds that can be repeated bit by bit pin the digest as well, which
# your registry knows: --build-arg PYTHON_IMAGE=docker.io/library/python@sha256:…
ARG PYTHON_IMAGE=docker.io/library/python:3.11.14-slim-bookworm


FROM ${PYTHON_IMAGE} AS build-image
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_ROOT_USER_ACTION=ignore
WORKDIR /src
# The packages have a layer of their own, which changes less often than the code.
COPY constraints.txt pyproject.toml docker/requirements.py ./
RUN python -m venv /opt/venv \
    && python requirements.py > requirements.txt \
    && python requirements.py peer > requirements-peer.txt \
    && /opt/venv/bin/pip install --only-binary :all: -c constraints.txt -r requirements.txt \
    && pip install -c constraints.txt setuptools
COPY LICENSE README.md ./
COPY admin/ admin/
COPY bridge/ bridge/
COPY pipelines/ pipelines/
COPY reports/ reports/
COPY sandbox/ sandbox/
COPY service/ service/
COPY settings/ settings/
COPY sql/ sql/
RUN pip wheel --no-deps --no-build-isolation --wheel-dir /dist . \
    && /opt/venv/bin/pip install --no-deps --no-index /dist/*.whl \
    && /opt/venv/bin/python -m compileall -q /opt/venv/lib


# The service. Its commands are those of `swpt-trade`; without one it is a worker.
FROM ${PYTHON_IMAGE} AS app-image
ENV APP_ROOT_DIR=/usr/src/app \
    PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    APP_METRICS_HOST=0.0.0.0 \
    APP_METRICS_DIR=/tmp/swpt-trade
RUN useradd --system --uid 10001 --home-dir "$APP_ROOT_DIR" --create-home swpt_trade
WORKDIR ${APP_ROOT_DIR}
COPY --from=build-image /opt/venv /opt/venv
USER 10001
# Reads the heartbeats of the container's processes. A web server needs another check: see docker-compose.yml.
HEALTHCHECK --interval=30s --timeout=15s --start-period=90s --retries=3 CMD ["swpt-trade", "health"]
ENTRYPOINT ["swpt-trade-entrypoint"]


# An authority, a creditors agent and the currencies' documents. For development only.
FROM app-image AS sandbox-image
USER 0
COPY --from=build-image /src/constraints.txt /src/requirements-peer.txt /tmp/
RUN pip install --no-cache-dir --only-binary :all: -c /tmp/constraints.txt -r /tmp/requirements-peer.txt \
    && rm /tmp/constraints.txt /tmp/requirements-peer.txt
USER 10001
CMD ["sandbox"]


# The OpenAPI document, with Swagger UI around it. API_ROOT and the OAUTH2_… variables are put in at the start.
FROM ${PYTHON_IMAGE} AS swagger-ui-image
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1
RUN useradd --system --uid 10001 swagger_ui
WORKDIR /usr/src/app
COPY --from=build-image /opt/venv /opt/venv
COPY docker/write_openapi.py docker/swagger_ui.py ./
RUN python write_openapi.py openapi.json
USER 10001
EXPOSE 8080
HEALTHCHECK --interval=30s --timeout=10s --start-period=10s --retries=3 \
    CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8080/openapi.json', timeout=5)"]
ENTRYPOINT ["python", "swagger_ui.py", "openapi.json"]
