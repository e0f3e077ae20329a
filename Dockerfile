# The load generator, for master and workers alike: `docker run -p 8089:8089 IMAGE` opens the web page.
# A drop-in for the image of Locust: its entry point, its ports, /opt/venv and /home/locust are here.
ARG BASE_IMAGE=python:3.12-slim-bookworm

FROM ${BASE_IMAGE} AS requirements
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /src
COPY requirements.lock ./
RUN python3 -m venv /opt/venv \
 && /opt/venv/bin/python -m pip install --require-hashes --no-deps -r requirements.lock

FROM requirements AS project
COPY requirements-build.lock ./
RUN python3 -m venv /opt/build \
 && /opt/build/bin/python -m pip install --require-hashes --no-deps -r requirements-build.lock
COPY . .
# Twice: to use it here, and under a root of its own, which becomes a small layer on the large one.
RUN /opt/build/bin/python -m pip wheel --no-build-isolation --no-deps --wheel-dir /opt/wheel . \
 && /opt/venv/bin/python -m pip install --no-deps /opt/wheel/*.whl \
 && /opt/venv/bin/python -m pip install --no-deps --ignore-installed --root /opt/project /opt/wheel/*.whl
# Elsewhere: in a checkout `init` would take the checkout's own locustfiles.
WORKDIR /
RUN /opt/venv/bin/gauntlet init /opt/project/home/locust

FROM ${BASE_IMAGE}
RUN mkdir /results && chown 10001:10001 /results
COPY --from=requirements /opt/venv /opt/venv
COPY --from=project /opt/project /
# HOME and MPLCONFIGDIR lie in /tmp: with a read-only root only /tmp and /results need be writable.
ENV PATH="/opt/venv/bin:$PATH" \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    HOME=/tmp \
    MPLCONFIGDIR=/tmp \
    LOCUST_LOCUSTFILE=/home/locust/predict_mix.py \
    LOCUST_RESULTS_DIR=/results
WORKDIR /home/locust
# A number, not a name: Kubernetes cannot tell whether a name is root.
USER 10001:10001
EXPOSE 8089 5557
# No shell in between: a signal must reach Locust, which then writes its reports.
ENTRYPOINT ["locust"]
# Last: what differs from build to build would otherwise make every layer after it anew.
ARG VERSION=0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="gauntlet" \
      org.opencontainers.image.description="Load tests on Locust that end with a verdict" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
