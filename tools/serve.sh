#!/bin/sh
# serve.sh BINARY [OPTION...]: starts the service as root, with sudo where needed.
set -eu
binary=$1
shift
if [ "$(id -u)" -eq 0 ]; then
    exec "$binary" serve "$@"
fi
if ! command -v sudo >/dev/null 2>&1; then
    echo "The sandboxes' namespaces and cgroups need root, and there is no sudo. As root: $binary serve $*" >&2
    exit 1
fi
echo "The sandboxes' namespaces and cgroups need root: starting the service with sudo."
exec sudo "$binary" serve "$@"
