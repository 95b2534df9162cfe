#!/bin/bash
# container.sh FOLDER [STEP...]: tests the container as users have it, with an engine of its own whose state is below
# FOLDER/container. Needs root, and no registry: the base image is made by mmdebstrap, with the certificates that this machine
# trusts, under the name that the Dockerfile uses. Everything ends and goes with the script, but for the base image's archive.
#
#   compose   `docker-compose up --build`, and tests/container against it
#   compose2  the same file with Compose v2
#   suites    the end-to-end and security suites against a container
#   figures   size, start and latency, printed
#   dev       `docker-compose up --build` with the development override: a change of a source, a failed build
#   data      the image with numpy, pandas and matplotlib: a plot
#   save      writes the image to FOLDER/container/image.tar: what tests/system runs
#   clean     what is left outside of the containers when they are gone
#
# quick (the default) is compose, compose2 and clean; all is every one. With KEEP=1 the engine's state stays for the next time.
set -euo pipefail
build=$1
shift
case ${1:-quick} in
quick) steps="compose compose2 clean" ;;
all) steps="compose compose2 suites figures dev data save clean" ;;
*) steps=$* ;;
esac
state=$PWD/$build/container
base=$state/base.tar
image=$(sed -n 's/^FROM \(debian:[^ ]*\).*/\1/p' Dockerfile | head -n 1)
suite=${image#debian:}
suite=${suite%-slim}
export DOCKER_HOST=unix://$state/docker.sock COMPOSE_PROJECT_NAME=hatchery-test DOCKER_BUILDKIT=0 COMPOSE_DOCKER_CLI_BUILD=0
export PATH=/usr/bin:/usr/sbin:$PATH # Debian's docker and docker-compose, whatever else is first
run_limits=(--memory 2g --memory-swap 2g)
run_rights=(--cap-drop ALL --cap-add SETUID --cap-add SETGID --cap-add SETFCAP --read-only --security-opt no-new-privileges
    --security-opt seccomp=packaging/docker/seccomp.json --security-opt systempaths=unconfined)

engine=""
remove_containers() {
    docker ps -aq | xargs -r docker rm -f >/dev/null 2>&1 || true
    docker network prune -f >/dev/null 2>&1 || true
}
clean_up() {
    trap - EXIT INT TERM
    if [ -n "$engine" ]; then
        remove_containers
        kill "$engine" 2>/dev/null || true
        wait "$engine" 2>/dev/null || true
    fi
    rm -rf "$state/exec" "$state/root"
    [ -n "${KEEP:-}" ] || rm -rf "$state/engine"
}
trap clean_up EXIT
trap 'exit 1' INT TERM

start_engine() {
    mkdir -p "$state/engine" "$state/exec"
    echo '{}' >"$state/engine.json"
    dockerd --config-file "$state/engine.json" --data-root "$state/engine" --exec-root "$state/exec" --pidfile "$state/pid" \
        --host "$DOCKER_HOST" >"$state/engine.log" 2>&1 &
    engine=$!
    for _ in $(seq 300); do
        if docker info >/dev/null 2>&1; then return; fi
        kill -0 "$engine" 2>/dev/null || break
        sleep 0.2
    done
    tail -n 20 "$state/engine.log" >&2
    echo "container.sh: the engine did not start" >&2
    exit 1
}

make_base() {
    if [ ! -f "$base" ]; then
        echo "Making the base image: $suite"
        # shellcheck disable=SC2016 # $1 is the hook's
        mmdebstrap --quiet --aptopt='Acquire::Retries "3"' --variant=minbase --include=ca-certificates \
            --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
            --dpkgopt='path-exclude=/usr/share/locale/*' \
            --customize-hook='if [ -d /usr/local/share/ca-certificates ]; then
                                  cp -r /usr/local/share/ca-certificates/. "$1/usr/local/share/ca-certificates/"; chroot "$1" update-ca-certificates; fi' \
            --format=tar "$suite" - </dev/null >"$base.new" 2>"$state/base.log" || { cat "$state/base.log" >&2; exit 1; }
        mv "$base.new" "$base"
    fi
    docker image inspect "$image" >/dev/null 2>&1 || docker import -c 'CMD ["bash"]' "$base" "$image" >/dev/null
}

# Debian 13's, which runs on Debian 12, too.
get_compose2() {
    compose2=$state/docker-compose-v2
    [ ! -x "$compose2" ] || return 0
    mmdebstrap --quiet --aptopt='Acquire::Retries "3"' --variant=extract --include=docker-compose \
        --extract-hook="cp \"\$1\"/usr/libexec/docker/cli-plugins/docker-compose '$compose2'" --format=null trixie - </dev/null
}

venv=$build/venv
if [ ! -x "$venv/bin/pytest" ] || ! cmp -s tests/requirements.txt "$venv/requirements.txt"; then
    rm -rf "$venv"
    "${PYTHON:-/usr/bin/python3}" -m venv "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check -r tests/requirements.txt
    cp tests/requirements.txt "$venv/requirements.txt"
fi
tests() { # NAME TEST...
    local name=$1
    shift
    mkdir -p "$build/results"
    HATCHERY_BINARY=$PWD/$build/hatchery "$venv/bin/pytest" -q -c tests/pytest.ini --rootdir tests \
        --junit-xml "$build/results/$name.xml" -o junit_suite_name="$name" "$@" || status=1
}
say() { # LOG COMMAND...: its output is for whom it fails
    local log=$1
    shift
    "$@" >"$log" 2>&1 || { tail -n 40 "$log" >&2; exit 1; }
}
need_image() { # TARGET
    say "$state/build.log" docker build -t "hatchery${1:+:$1}" --target "${1:-hatchery}" .
}

mkdir -p "$state"
status=0
start_engine
make_base
for step in $steps; do
    case $step in
    compose)
        echo "docker-compose -f docker-compose.yml up --build"
        say "$state/up.log" docker-compose -f docker-compose.yml up --build -d
        HATCHERY_TEST_CONTAINER=$(docker-compose -f docker-compose.yml ps -q) tests container tests/container
        say "$state/down.log" docker-compose -f docker-compose.yml down
        ;;
    compose2)
        need_image ""
        get_compose2
        echo "$("$compose2" version): up"
        say "$state/up2.log" "$compose2" -f docker-compose.yml up --no-build -d
        HATCHERY_TEST_CONTAINER=$("$compose2" -f docker-compose.yml ps -q) tests container-compose2 tests/container/test_container.py \
            -k "compose or rights or published or doctor or memory_bomb"
        say "$state/down2.log" "$compose2" -f docker-compose.yml down
        say "$state/config2.log" "$compose2" config # with the override
        ;;
    suites)
        need_image ""
        echo "The suites against a container that may mount /proc (docker run --security-opt systempaths=unconfined)"
        docker run -d --name hatchery-suites -p 127.0.0.1::8000 "${run_rights[@]}" "${run_limits[@]}" -e HATCHERY_INSECURE_NO_KEYS=true \
            hatchery >/dev/null
        HATCHERY_TEST_CONTAINER=hatchery-suites tests container-suites tests/e2e/test_contract.py tests/e2e/test_http.py \
            tests/e2e/test_runs.py tests/e2e/test_examples.py tests/e2e/test_request.py tests/e2e/test_files.py tests/e2e/test_streams.py \
            tests/security/test_attacks.py
        docker rm -f hatchery-suites >/dev/null
        ;;
    figures)
        need_image ""
        "$venv/bin/python" tests/container/figures.py "$build" "${run_rights[@]}" "${run_limits[@]}" || status=1
        ;;
    dev)
        echo "docker-compose up --build, with the development override"
        say "$state/dev.log" docker-compose up --build -d
        HATCHERY_TEST_CONTAINER=$(docker-compose ps -q) tests container-dev -s tests/container/reload.py
        say "$state/down.log" docker-compose down
        ;;
    data)
        need_image data
        echo "The image with numpy, pandas and matplotlib"
        docker run -d --name hatchery-data -p 127.0.0.1::8000 "${run_rights[@]}" "${run_limits[@]}" -e HATCHERY_INSECURE_NO_KEYS=true \
            -e HATCHERY_PRELOAD=numpy,pandas hatchery:data >/dev/null
        HATCHERY_TEST_CONTAINER=hatchery-data tests container-data tests/container/data.py
        docker rm -f hatchery-data >/dev/null
        ;;
    save)
        need_image ""
        docker save -o "$state/image.tar" hatchery:latest # not :dev with its compiler
        ;;
    clean)
        need_image ""
        HATCHERY_TEST_RUN="${run_rights[*]} ${run_limits[*]} -e HATCHERY_INSECURE_NO_KEYS=true hatchery" \
            tests container-clean tests/container/left.py
        ;;
    *)
        echo "container.sh: there is no step \"$step\"" >&2
        exit 2
        ;;
    esac
done
exit $status
