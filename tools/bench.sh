#!/bin/sh
# bench.sh FOLDER [OPTION...]: makes the FastAPI baseline's venv, and runs bench/bench.py.
set -eu
build=$1
shift
python=${PYTHON:-/usr/bin/python3}
venv=$build/bench-venv
requirements=bench/fastapi_baseline/requirements.txt

if [ ! -x "$venv/bin/uvicorn" ] || ! cmp -s "$requirements" "$venv/requirements.txt"; then
    rm -rf "$venv"
    "$python" -m venv "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check -r "$requirements"
    cp "$requirements" "$venv/requirements.txt"
fi
as_root=""
if [ "$(id -u)" -ne 0 ]; then
    echo "The sandboxes need root: the service that is measured runs with sudo."
    as_root="sudo"
fi
$as_root "$venv/bin/python" bench/bench.py --binary "$PWD/$build/hatchery" \
    --uvicorn "$PWD/$venv/bin/uvicorn" --json "$build/bench.json" --chart "$build/bench.svg" "$@"
$as_root "$python" bench/streams.py --binary "$PWD/$build/hatchery"
