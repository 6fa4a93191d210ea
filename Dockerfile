# Images of the service. No compiler is needed anywhere: all packages come as binaries.
#
#   docker build --target app-image -t swpt-trade .                # the service
#   docker build --target sandbox-image -t swpt-trade-sandbox .    # with the world around it, for development
#   docker build --target tests-image -t swpt-trade-tests .        # the tests, for development
#   docker build --target swagger-ui-image -t swpt-trade-swagger . # the documentation of the admin Web API
#
# The base image is pinned by its version. For builds that can be repeated bit by bit pin the digest as well, which
# your registry knows: --build-arg PYTHON_IMAGE=docker.io/library/python@sha256:…
ARG PYTHON_IMAGE=docker.io/library/python:3.11.15-slim-bookworm


FROM ${PYTHON_IMAGE} AS build-image
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_ROOT_USER_ACTION=ignore
WORKDIR /src
# The packages have a layer of their own, which changes less often than the code.
COPY requirements requirements/
RUN python -m venv /opt/build \
    && python -m venv --without-pip /opt/venv \
    && /opt/build/bin/pip --python /opt/venv/bin/python install --only-binary :all: --require-hashes -r requirements/service.txt \
    && /opt/build/bin/pip install --only-binary :all: --require-hashes -r requirements/bootstrap.txt -r requirements/sbom.txt
# Packages that come with others, and that nobody imports: a third of all. So are tests, and most parts of OR-Tools.
COPY docker/unused-packages.txt ./
RUN /opt/build/bin/pip --python /opt/venv/bin/python uninstall --yes --requirement unused-packages.txt \
    && packages=$(/opt/venv/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))') \
    && find "$packages" -type d -name tests -prune -exec rm -r {} + \
    && find "$packages/ortools" -mindepth 1 -maxdepth 1 -type d ! -name .libs ! -name graph -exec rm -r {} +
COPY LICENSE README.md pyproject.toml ./
COPY admin/ admin/
COPY bridge/ bridge/
COPY pipelines/ pipelines/
COPY reports/ reports/
COPY sandbox/ sandbox/
COPY service/ service/
COPY settings/ settings/
COPY sql/ sql/
# What is in the image is listed in it: /opt/venv/sbom.cdx.json.
RUN /opt/build/bin/pip wheel --no-deps --no-build-isolation --wheel-dir /dist . \
    && /opt/build/bin/pip --python /opt/venv/bin/python install --no-deps --no-index /dist/*.whl \
    && /opt/build/bin/cyclonedx-py environment /opt/venv/bin/python --pyproject pyproject.toml --of JSON -o /opt/venv/sbom.cdx.json \
    && /opt/venv/bin/python -m compileall -q /opt/venv/lib


# `psql` for operators' scripts, without the rest of its packages.
FROM ${PYTHON_IMAGE} AS psql-image
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends postgresql-client \
    && cp /usr/lib/postgresql/*/bin/psql /usr/local/bin/psql


# The service. Its commands are those of `swpt-trade`; without one it is a worker.
FROM ${PYTHON_IMAGE} AS app-image
ENV APP_ROOT_DIR=/usr/src/app \
    PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    APP_METRICS_HOST=0.0.0.0 \
    APP_METRICS_DIR=/tmp/swpt-trade
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends libpq5 libreadline8 \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin /var/log/apt /var/log/dpkg.log
COPY --from=psql-image /usr/local/bin/psql /usr/local/bin/psql
# Any other user may run it as well (--user), with a read-only root: /tmp, or TMPDIR, is all that is written to.
RUN useradd --system --uid 10001 --home-dir "$APP_ROOT_DIR" --create-home swpt_trade \
    && chmod 755 "$APP_ROOT_DIR"
WORKDIR ${APP_ROOT_DIR}
COPY --from=build-image /opt/venv /opt/venv
USER 10001
# Reads the heartbeats of the container's processes. A web server needs another check: see docker-compose.yml.
HEALTHCHECK --interval=30s --timeout=15s --start-period=90s --retries=3 CMD ["swpt-trade", "health"]
ENTRYPOINT ["swpt-trade-entrypoint"]


# An authority, a creditors agent and the currencies' documents. For development only.
FROM app-image AS sandbox-image
USER 0
COPY --from=build-image /src/requirements/peer.txt /tmp/
RUN pip --python /opt/venv/bin/python install --no-cache-dir --only-binary :all: --require-hashes -r /tmp/peer.txt \
    && rm /tmp/peer.txt
USER 10001
CMD ["sandbox"]


# The tests, with all that they need of Python, a PostgreSQL among it: `docker compose run --rm tests-config test`. What
# needs RabbitMQ or a browser is skipped. For development only.
FROM ${PYTHON_IMAGE} AS tests-image
ENV PATH=/opt/tests/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTEST_ADDOPTS="-p no:cacheprovider"
RUN useradd --system --uid 10001 swpt_trade
WORKDIR /usr/src/app
COPY requirements/development.txt requirements/
COPY --from=build-image /opt/build /opt/build
COPY --from=build-image /dist /dist
RUN python -m venv --without-pip /opt/tests \
    && /opt/build/bin/pip --python /opt/tests/bin/python install --no-cache-dir --only-binary :all: --require-hashes -r requirements/development.txt \
    && /opt/build/bin/pip --python /opt/tests/bin/python install --no-cache-dir --no-deps --no-index /dist/*.whl \
    && rm -r /opt/build /dist
COPY .dockerignore .flaskenv CHANGELOG.md CONTRIBUTING.md Dockerfile LICENSE Makefile README.md SECURITY.md \
    constraints.txt development.env docker-compose.yml pyproject.toml ./
COPY admin/ admin/
COPY benchmarks/ benchmarks/
COPY bridge/ bridge/
COPY deploy/ deploy/
COPY docker/ docker/
COPY docs/ docs/
COPY pipelines/ pipelines/
COPY reports/ reports/
COPY requirements/ requirements/
COPY sandbox/ sandbox/
COPY scripts/ scripts/
COPY service/ service/
COPY settings/ settings/
COPY sql/ sql/
COPY tests/ tests/
USER 10001
ENTRYPOINT ["python", "-m", "admin.entrypoint"]
CMD ["test"]


# The OpenAPI document, with Swagger UI around it. API_ROOT and the OAUTH2_… variables are put in at the start.
# BASE_URL is the path of all of it. Nothing but Python and these files: the document is made where the service is.
FROM build-image AS openapi-image
COPY docker/write_openapi.py docker/swagger_ui.py ./
RUN mkdir -p /swagger-ui/files \
    && /opt/venv/bin/python write_openapi.py /swagger-ui/openapi.json \
    && cp swagger_ui.py /swagger-ui/ \
    && dist=$(/opt/venv/bin/python -c 'import flask_swagger_ui as f; print(f.__path__[0])')/dist \
    && cp "$dist"/LICENSE "$dist"/favicon-*.png "$dist"/oauth2-redirect.* "$dist"/swagger-ui.css \
        "$dist"/swagger-ui-bundle.js "$dist"/swagger-ui-standalone-preset.js /swagger-ui/files/


FROM ${PYTHON_IMAGE} AS swagger-ui-image
ENV PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1
RUN useradd --system --uid 10001 swagger_ui
WORKDIR /usr/src/app
COPY --from=openapi-image /swagger-ui ./
USER 10001
EXPOSE 8080
HEALTHCHECK --interval=30s --timeout=10s --start-period=10s --retries=3 CMD ["python", "swagger_ui.py", "--check"]
ENTRYPOINT ["python", "swagger_ui.py", "openapi.json", "files"]
