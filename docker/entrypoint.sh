#!/bin/sh
# Begins every container: ENTRYPOINT [tini, kubeagentix-entrypoint], with the command as its arguments.
#
# As root, as compose.yaml starts it, it becomes the owner of the mounted files, so that a login of mode 0600 can be read
# and what is written stays its owner's, and gives up every capability. As anybody else it stays who it is. Then
# `python -m kubeagentix.container` prepares the kubeconfig, leads to clusters of the host, and runs the command.
#
# It is `kubeagentix` and `kubectl` on the PATH as well: `docker compose exec` comes as root, and past the ENTRYPOINT.
set -eu

home=${HOME:-/home/kubeagentix}
programs=/opt/kubeagentix/bin

say() { printf 'kubeagentix: %s\n' "$*" >&2; }

owner() { # UID:GID of whoever the mounted files belong to, of the image's user where they are root's
    roots=
    for path in .claude .claude/.credentials.json .claude.json .kube .kube/config; do
        ids=$(stat -c %u:%g "$home/$path" 2>/dev/null) || continue
        case $ids in
        0:*) roots=$path ;;
        65534:*) ;; # of a user whom this container does not know
        *) echo "$ids" && return ;;
        esac
    done
    if [ -n "$roots" ] && is_rootless; then echo 0:0; else echo 1000:0; fi
}

is_rootless() { # root in here is who started the container, and no more than that
    read -r _ outside _ </proc/self/uid_map && [ "$outside" != 0 ]
}

hand_over() { # UID:GID gets the home, and of the notebooks what is root's or the image's user's
    chown "$1" "$home"
    find "$home/notebooks" -xdev \( -uid 0 -o -uid 1000 \) ! -uid "${1%:*}" -exec chown -h "$1" {} +
}

become_owner() { # runs this anew without a capability and without a way to one
    ids=$(owner)
    ids=${KUBEAGENTIX_UID:-${ids%:*}}:${KUBEAGENTIX_GID:-${ids#*:}}
    hand_over "$ids" || say "the home of the container could not be handed to uid ${ids%:*}"
    KUBEAGENTIX_IDS=$ids exec setpriv --reuid "${ids%:*}" --regid "${ids#*:}" --clear-groups \
        --bounding-set=-all --inh-caps=-all --ambient-caps=-all --no-new-privs "$0" "$@"
}

tell_missing() { # Docker makes a folder of root's of what is to be mounted and is not there; of ~/.kube is told below
    missing=
    for name in .claude .claude.json; do
        if [ -d "$home/$name" ] && inside=$(ls -A "$home/$name" 2>/dev/null) && [ -z "$inside" ]; then
            missing="$missing ~/$name"
        fi
    done
    [ -z "$missing" ] || say "empty folders, as what is not on the host:$missing; a token does instead"
}

tell_closed() {
    for name in .kube .claude; do
        if [ -d "$home/$name" ] && ! ls "$home/$name" >/dev/null 2>&1; then
            say "~/$name can be read by uid $(stat -c %u "$home/$name") only, and this is uid $(id -u):" \
                "set KUBEAGENTIX_UID for docker compose, or take docker run --user"
        fi
    done
}

keep_elsewhere() { # what programs would keep in the home
    kept=$(mktemp -d)
    export XDG_CACHE_HOME="$kept/cache" XDG_DATA_HOME="$kept/data" XDG_STATE_HOME="$kept/state"
    export IPYTHONDIR="$kept/ipython" JUPYTER_CONFIG_DIR="$kept/jupyter"
    export JUPYTER_DATA_DIR="$kept/data/jupyter" JUPYTER_RUNTIME_DIR="$kept/runtime"
    say "$home cannot be written: what is kept goes to $kept, and with the container"
}

run_beside() { # what `docker exec` has asked for, with the kubeconfig that the container's command has
    folder=${KUBEAGENTIX_CONTAINER_FOLDER:-/tmp/kubeagentix-$(id -u)}
    if [ -O "$folder/kubeconfig" ]; then export KUBECONFIG="$folder/kubeconfig"; fi
    exec "$program" "$@"
}

program=$programs/${0##*/}
is_entrypoint=$([ "${0##*/}" != kubeagentix-entrypoint ] || echo yes)
if [ -z "$is_entrypoint" ] && [ -n "${KUBEAGENTIX_PREPARED:-}" ]; then exec "$program" "$@"; fi
if [ "$(id -u)" = 0 ] && [ -z "${KUBEAGENTIX_IDS:-}" ]; then become_owner "$@"; fi
export KUBEAGENTIX_PREPARED=1 USER="${USER:-kubeagentix}" LOGNAME="${LOGNAME:-kubeagentix}"
if [ -z "$is_entrypoint" ]; then run_beside "$@"; fi
tell_missing
tell_closed
if [ ! -w "$home" ]; then keep_elsewhere; fi
exec "$programs/python" -P -m kubeagentix.container -- "$@"
