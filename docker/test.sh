#!/usr/bin/env bash
# Builds the image and holds it, with the settings of the compose files, against what is promised: docker/test.sh
# `docker/test.sh build` only builds it.
#
# ENGINE=docker or podman (else the one that works), PYTHON with the tests' packages (else .venv/bin/python), IMAGE a name.
# The base image is pulled; where that cannot be done and one is root, debootstrap makes it. No container and no volume is
# left; the image stays, for the next build to go on from.
set -euo pipefail
cd "$(dirname "$0")/.."

image=${IMAGE:-localhost/kubeagentix-test}
python=${PYTHON:-.venv/bin/python}
base=$(awk '$1 == "FROM" { print $2; exit }' Dockerfile)
suite=${base##*:} suite=${suite%-slim}
work=$(mktemp -d)
trap 'rm -rf --one-file-system "$work"' EXIT

log() { printf '\n== %s\n' "$*"; }
fail() { printf 'docker/test.sh: %s\n' "$*" >&2 && exit 1; }

works() { command -v "$1" >/dev/null && "$1" info >/dev/null 2>&1; }

engine=${ENGINE:-}
if [[ -z $engine ]]; then for engine in docker podman none; do works "$engine" && break; done; fi
[[ $engine != none ]] || fail "neither docker nor podman works here"
works "$engine" || fail "$engine does not work here: $("$engine" info 2>&1 | tail -1)"
[[ ${1:-} == build ]] || "$python" -c 'import pytest, kubeagentix' || fail "$python lacks the tests' packages: see the README's second command, or set PYTHON"

has_base() { "$engine" image inspect "$base" >/dev/null 2>&1; }
make_base() { # what the registry would give, from Debian's packages
    [[ $(id -u) == 0 ]] && command -v debootstrap >/dev/null || fail "cannot pull $base: $(tail -1 "$work/pull")"
    debootstrap --variant=minbase --include=ca-certificates "$suite" "$work/rootfs" >"$work/debootstrap" ||
        fail "debootstrap: $(tail -1 "$work/debootstrap")"
    rm -rf "$work"/rootfs/var/{cache,lib/apt/lists}/* "$work"/rootfs/usr/share/{doc,man,locale,info}/* # as slim images have it
    tar -C "$work/rootfs" -c . | "$engine" import - "$base" >/dev/null
}
if ! has_base; then
    log "base image $base"
    "$engine" pull -q "$base" 2>"$work/pull" || make_base
fi

run=() building=() words=$engine
if [[ $engine == podman ]]; then
    building+=(--format docker) # the other format has no HEALTHCHECK
    if ! podman run --rm "$base" true 2>"$work/run"; then # no cgroups for crun, no right to raise limits
        words="podman --runtime runc" run=(--ulimit nofile=1024:1024 --ulimit nproc=1000:1000)
        building+=(--isolation=chroot)
        $words run --rm "${run[@]}" "$base" true || fail "podman runs nothing here: $(tail -1 "$work/run")"
    fi
    # pip's own settings of this machine (a certificate of its proxy, an index) are lent to the build, and leave no trace
    certificate=${PIP_CERT:-$(python3 -m pip config get global.cert 2>/dev/null || true)}
    certificate=${certificate:-${REQUESTS_CA_BUNDLE:-${SSL_CERT_FILE:-}}}
    index=${PIP_INDEX_URL:-$(python3 -m pip config get global.index-url 2>/dev/null || true)}
    if [[ -n $certificate$index ]]; then
        mkdir -p "$work/root/.config/pip"
        echo "[global]" >"$work/root/.config/pip/pip.conf"
        if [[ -n $certificate ]]; then
            cp "$certificate" "$work/root/certificate.crt"
            echo "cert = /root/certificate.crt" >>"$work/root/.config/pip/pip.conf"
        fi
        if [[ -n $index ]]; then echo "index-url = $index" >>"$work/root/.config/pip/pip.conf"; fi
        building+=(--volume "$work/root:/root:ro")
    fi
fi

log "$engine build"
before=$("$engine" image inspect --format '{{.Id}}' "$image" 2>/dev/null || true)
"$engine" build "${building[@]}" --tag "$image" . >"$work/build" 2>&1 || { tail -30 "$work/build" && fail "the build failed"; }
after=$("$engine" image inspect --format '{{.Id}}' "$image")
if [[ -n $before && $before != "$after" ]]; then "$engine" rmi "$before" >/dev/null 2>&1 || true; fi # else in use

if [[ ${1:-} == build ]]; then exit; fi

tests=("$python" -m pytest -q --image "$image" --engine "$words" --engine-args "${run[*]}")
log "the image with the settings of the compose files"
"${tests[@]}" tests/image
log "the container half of the matrix"
"${tests[@]}" tests/matrix -k container
