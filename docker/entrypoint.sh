#!/bin/sh
# Begins every container: ENTRYPOINT [kubeagentix-entrypoint], with the command as its arguments.
#
# As root, as compose.yaml starts it, it becomes the owner of the mounted files, so that a login of mode 0600 can be read
# and what is written stays its owner's, and gives up every capability. As anybody else it stays who it is. Then, below
# tini, `python -m kubeagentix.container` prepares the kubeconfig, leads to clusters of the host, and runs the command.
#
# It is `kubectl`, `python` and others in /usr/local/bin as well: `docker compose exec` comes as root, and past all that.
set -eu

home=${HOME:-/home/kubeagentix}
programs=/opt/kubeagentix/bin
export PATH="$programs:$PATH" # what is started from here on needs this no more

say() { printf 'kubeagentix: %s\n' "$*" >&2; }
end() { say "$@" && exit 2; }

owner() { # UID:GID of whoever the mounted files belong to; of root only where all are root's; else of the image's user
    found=1000:0
    for path in .kube/config .claude/.credentials.json .claude.json .kube .claude; do
        ids=$(stat -c %u:%g "$home/$path" 2>/dev/null) && ! is_empty "$home/$path" || continue
        case $ids in
        0:*) found=$ids ;;
        65534:*) ;; # of a user whom this container does not know
        *) found=$ids && break ;;
        esac
    done
    echo "$found"
}

is_empty() { # a folder, as Docker makes it of what is to be mounted and is not there
    [ -d "$1" ] && inside=$(ls -A "$1" 2>/dev/null) && [ -z "$inside" ]
}

hand_over() { # UID:GID gets the notebooks, if they are in the image or in a volume that it has filled: the mark is there
    mark=$home/notebooks/.kubeagentix-volume
    if [ "$(stat -c %u:%g "$mark" 2>/dev/null || echo "$1")" = "$1" ]; then return; fi
    find "$home/notebooks" -xdev -type d -exec chown 0:0 {} \; # else those of mode 0700 could not be looked into
    find "$home/notebooks" -xdev -depth ! -path "$mark" -exec chown -h "$1" {} +
    chown -h "$1" "$mark"
}

is_able() { # root is more than a user
    [ "$(id -u)" = 0 ] && ! grep -q '^CapEff:[[:space:]]*0*$' /proc/self/status
}

become_owner() { # runs this anew without a capability and without a way to one
    ids=$(owner)
    uid=${KUBEAGENTIX_UID:-${ids%:*}} gid=${KUBEAGENTIX_GID:-${ids#*:}}
    case $uid$gid in *[!0-9]*) end "KUBEAGENTIX_UID and KUBEAGENTIX_GID are numbers, and not '$uid' and '$gid'" ;; esac
    become="setpriv --reuid $uid --regid $gid --clear-groups --no-new-privs"
    become="$become --bounding-set=-all --inh-caps=-all --ambient-caps=-all"
    { [ "$uid" -le 4294967294 ] && [ "$gid" -le 4294967294 ] && $become true; } 2>/dev/null ||
        end "it cannot become uid $uid with gid $gid: give it the capabilities that compose.yaml has, or choose other ids" \
            "by KUBEAGENTIX_UID and KUBEAGENTIX_GID"
    hand_over "$uid:$gid" 2>/dev/null || true # told below, where it matters
    exec $become "$0" "$@"
}

tell_missing() { # of ~/.kube it is told below
    missing=
    for name in .claude .claude.json; do
        if is_empty "$home/$name"; then missing="$missing ~/$name"; fi
    done
    [ -z "$missing" ] || say "empty folders, as what is not on the host:$missing; a token does instead"
}

tell_closed() {
    as="and this is uid $(id -u): set KUBEAGENTIX_UID for docker compose, or take docker run --user"
    for name in .kube .claude; do
        if [ -d "$home/$name" ] && ! ls "$home/$name" >/dev/null 2>&1; then
            say "~/$name can be read by uid $(stat -c %u "$home/$name") only, $as"
        fi
    done
    if [ -w "$home" ] && [ ! -w "$home/notebooks" ]; then
        say "~/notebooks can be written by uid $(stat -c %u "$home/notebooks") only, $as"
    fi
}

keep_elsewhere() { # what programs would keep in the home
    kept=$(mktemp -d 2>/dev/null) || end "nothing can be written in here: with docker run --read-only add --tmpfs /tmp"
    export XDG_CACHE_HOME="$kept/cache" XDG_DATA_HOME="$kept/data" XDG_STATE_HOME="$kept/state"
    export IPYTHONDIR="$kept/ipython" JUPYTER_CONFIG_DIR="$kept/jupyter"
    export JUPYTER_DATA_DIR="$kept/data/jupyter" JUPYTER_RUNTIME_DIR="$kept/runtime"
    say "$home cannot be written: what is kept goes to $kept, and with the container"
}

run_beside() { # what `docker exec` has asked for, with the kubeconfig that is prepared, unless it brings one of its own
    folder=${KUBEAGENTIX_CONTAINER_FOLDER:-/tmp/kubeagentix-$(id -u)}
    if [ -O "$folder/kubeconfig" ] && [ "${KUBECONFIG:-}" = "$(cat "$folder/given")" ]; then
        export KUBECONFIG="$folder/kubeconfig"
    fi
    exec "$programs/${0##*/}" "$@"
}

if is_able; then become_owner "$@"; fi
export USER="${USER:-kubeagentix}" LOGNAME="${LOGNAME:-kubeagentix}"
if [ "${0##*/}" != kubeagentix-entrypoint ]; then run_beside "$@"; fi
tell_missing
tell_closed
if [ ! -w "$home" ]; then keep_elsewhere; fi
exec tini -s -g -- "$programs/python" -P -m kubeagentix.container -- "$@"
