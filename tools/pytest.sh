#!/bin/sh
# pytest.sh FOLDER ARGUMENT...: pytest against the binary of the build folder FOLDER, as root or with sudo (the sandboxes need
# it), with what tests/requirements.txt names in a virtual environment of its own: FOLDER/venv, or $VENV.
set -eu
build=$1
shift
venv=${VENV:-$PWD/$build/venv}
if [ ! -x "$venv/bin/pytest" ] || ! cmp -s tests/requirements.txt "$venv/requirements.txt"; then
    rm -rf "$venv"
    "${PYTHON:-/usr/bin/python3}" -m venv "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check -r tests/requirements.txt
    cp tests/requirements.txt "$venv/requirements.txt"
fi
as_root=""
if [ "$(id -u)" -ne 0 ]; then
    echo "The sandboxes need root: with sudo."
    as_root="sudo -E"
fi
HATCHERY_BINARY="$PWD/$build/hatchery" exec $as_root "$venv/bin/pytest" -q -c tests/pytest.ini --rootdir tests "$@"
