#!/bin/sh
# dev.sh FOLDER [OPTION...]: builds and serves; at every change of a source file builds again, and the new binary takes over.
# A build that fails, or a binary that does not start, leaves the old service running, and says so.
set -eu
build=$1
shift
interval=0.5

sources() {
    find src web tools meson.build -path web/node_modules -prune -o -type f -printf '%T@ %p\n' | cksum
}
stop() {
    [ -n "$pid" ] || return 0
    kill -TERM "$pid" 2>/dev/null || true
    wait "$pid" || true
    pid=""
}
# A service that was started with sudo cannot be told by everybody: then it is started again.
replace() {
    if [ -n "$pid" ] && kill -USR2 "$pid" 2>/dev/null; then
        return 0
    fi
    stop
    start "$@"
}
start() {
    tools/serve.sh "$build/hatchery" "$@" &
    pid=$!
}

pid=""
trap 'stop; exit 0' INT TERM
trap 'stop' EXIT
seen=""
while :; do
    now=$(sources)
    if [ "$now" != "$seen" ]; then
        seen=$now
        if tools/build.sh "$build"; then
            replace "$@"
        elif [ -n "$pid" ]; then
            echo "dev: the build failed; the service keeps running as it was" >&2
        else
            echo "dev: the build failed; it is tried again at the next change" >&2
        fi
    elif [ -n "$pid" ] && ! kill -0 "$pid" 2>/dev/null; then
        wait "$pid" || true
        pid=""
        echo "dev: the service ended; it is started again at the next change" >&2
    fi
    sleep "$interval"
done
