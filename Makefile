# The front door: each target is one line of what you want; meson and the scripts in tools/ do the work.
#
#   make run LISTEN=127.0.0.1:9000 ARGS="--pool 8"     settings for the service
#   make test SUITES="e2e"                           only one suite
#   make install DESTDIR=/tmp/root PREFIX=/usr

BUILD = build
PREFIX = /usr/local
LISTEN = 127.0.0.1:8000
ARGS =
SUITES = unit fidelity e2e conformance security browser

# Debian's Python, whatever else is first on the path: it is what the service runs by default.
PYTHON = /usr/bin/python3

# The Debian suite whose kernel test-vm boots.
VM_SUITE ?= bookworm
# What it runs, a machine for each: emulated, the whole end-to-end suite takes longer than anybody waits for one.
VM_PARTS ?= vm security:1/2 security:2/2 e2e:1/6 e2e:2/6 e2e:3/6 e2e:4/6 e2e:5/6 e2e:6/6

# Seconds of attack-fuzz, and of fuzz for each target.
TIME = 60

.PHONY: help run build test test-reload screenshots attack attack-fuzz fuzz test-vm soak bench bench-isolation bench-faults install deb dev docs format clean deps bench-hostile bench-drift bench-instructions

help:
	@echo "make run      install what is missing, build, serve on $(LISTEN)"
	@echo "make build    leave the binary in $(BUILD)/hatchery"
	@echo "make test     every suite, then again with the address and undefined-behaviour sanitizers"
	@echo "make screenshots  the pictures in docs/images, from a real browser"
	@echo "make test-reload  20 reloads and 5 new binaries under 200 requests a second: none is lost"
	@echo "make test-vm  the end-to-end and security suites with another kernel and cgroup v2, in virtual machines"
	@echo "make attack   every attack on the sandbox, with a table of what came of it"
	@echo "make attack-fuzz TIME=600   random system calls in sandboxes, for so many seconds"
	@echo "make soak TIME=3600   ordinary runs, attacks and random kills for so many seconds; figures and a chart in $(BUILD)/soak"
	@echo "make fuzz TIME=600 TARGET=http   libFuzzer on what reads hostile bytes: all targets, or one, for so many seconds each"
	@echo "make analyze  cppcheck, clang-tidy, clang's warnings and gcc -fanalyzer over src/"
	@echo "make coverage SUITES=unit   the lines and branches of src/ that the tests reach"
	@echo "make reproducible  two builds in two places give the same bytes"
	@echo "make sbom     what is in the binaries: $(BUILD)/sbom.spdx.json"
	@echo "make dist     $(BUILD)/hatchery-VERSION.tar.xz: sources and built pages, which build without a network"
	@echo "make test-container  the image and docker-compose, in an engine of its own; prints size, start and latency"
	@echo "make test-system   the package under systemd, the image with Docker, cgroup v2 and AppArmor, in a virtual machine"
	@echo "make bench    measure against a bare fork, FastAPI, python3 and bubblewrap; prints ratios and goals"
	@echo "make bench-faults   how long the service is away when a process of it dies; /health under load (as root)"
	@echo "make bench-isolation   what the isolation costs a busy loop; how fast a fork bomb ends (as root)"
	@echo "make bench-drift     a million runs, and what they have changed: latency against a young service, memory (as root)"
	@echo "make bench-instructions ARGS=\"--against OTHER-BUILD\"   instructions of what reads hostile bytes, by callgrind: the same on a busy machine"
	@echo "make bench-hostile   what slow, idle and broken clients cost an honest one (as root)"
	@echo "make dev      like run, and rebuild and restart at every change of a source file"
	@echo "make test-arm64    the cross build for arm64, its unit tests under qemu-user, the service in an emulated machine"
	@echo "make install  install into $(PREFIX) (DESTDIR and PREFIX as usual)"
	@echo "make uninstall  remove what the last install put there; the settings in /etc/hatchery stay"
	@echo "make deb      a Debian package in $(BUILD)/"
	@echo "make docs     write the parts of docs/ that come from the table of settings"
	@echo "make format   clang-format over src/ and tests/"
	@echo "make clean    remove everything that was built"

deps:
	@tools/deps.sh build

build: deps
	@tools/build.sh $(BUILD) -Dprefix=$(PREFIX)

run: build
	@tools/serve.sh $(BUILD)/hatchery --listen $(LISTEN) $(ARGS)

test:
	@tools/deps.sh build test ci
	@PYTHON=$(PYTHON) tools/test.sh $(BUILD) $(SUITES)

screenshots: build
	@tools/deps.sh test ci
	@PYTHON=$(PYTHON) tools/pytest.sh $(BUILD) tests/browser/screenshots.py

test-reload: build
	@tools/deps.sh test
	@PYTHON=$(PYTHON) HATCHERY_RELOADS=20 HATCHERY_UPGRADES=5 HATCHERY_RELOAD_RATE=200 tools/pytest.sh $(BUILD) -s tests/e2e/test_reload.py -k no_request_is_lost $(ARGS)

test-vm: build
	@tools/deps.sh vm
	@status=0; for part in $(VM_PARTS); do VM_PART=$$part VM_SUITE=$(VM_SUITE) tools/vm.sh $(BUILD) || status=1; done; exit $$status

attack: build
	@tools/deps.sh test
	@PYTHON=$(PYTHON) HATCHERY_ATTACK_TABLE=1 tools/pytest.sh $(BUILD) tests/security $(ARGS)

attack-fuzz: build
	@tools/deps.sh test
	@PYTHON=$(PYTHON) HATCHERY_FUZZ_TIME=$(TIME) tools/pytest.sh $(BUILD) -s tests/security/test_syscalls.py -k fuzzer $(ARGS)

soak: build
	@tools/deps.sh test
	@mkdir -p $(BUILD)/soak
	@PYTHON=$(PYTHON) HATCHERY_SOAK_TIME=$(TIME) HATCHERY_SOAK_FOLDER="$$PWD/$(BUILD)/soak" tools/pytest.sh $(BUILD) -s tests/soak $(ARGS)

fuzz:
	@tools/deps.sh build fuzz
	@tools/fuzz.sh $(TIME) $(TARGET)

.PHONY: analyze coverage reproducible sbom dist

analyze:
	@tools/deps.sh build analyze
	@tools/analyze.sh

coverage:
	@tools/deps.sh build test ci coverage
	@PYTHON=$(PYTHON) tools/coverage.sh $(filter-out fidelity browser,$(SUITES))

reproducible: deps
	@tools/reproducible.sh

sbom:
	@mkdir -p $(BUILD)
	@$(PYTHON) tools/sbom.py >$(BUILD)/sbom.spdx.json

dist: build
	@tools/dist.sh $(BUILD)

test-container: build
	@tools/deps.sh container
	@tools/container.sh $(BUILD) all

.PHONY: test-system test-arm64 uninstall
test-arm64: build
	@tools/deps.sh cross arm64
	@tools/arm64.sh $(BUILD)
	@VM_ARCH=arm64 tools/vm.sh build-arm64 "tests/vm/suite --short"

test-system: build
	@tools/deps.sh container vm deb
	@tools/container.sh $(BUILD) save
	@tools/deb.sh $(BUILD)
	@VM_SYSTEM=1 VM_SUITE=$(VM_SUITE) VM_FILES="$$(ls -t $(BUILD)/hatchery_*.deb | head -n 1) $(BUILD)/container/image.tar" tools/vm.sh $(BUILD)

bench:
	@tools/deps.sh build bench
	@tools/build.sh $(BUILD)
	@PYTHON=$(PYTHON) tools/bench.sh $(BUILD) $(ARGS)

bench-isolation: build
	@unset PYTHONUNBUFFERED PYTHONDONTWRITEBYTECODE; $(PYTHON) bench/isolation.py --binary "$$PWD/$(BUILD)/hatchery" $(ARGS)

bench-hostile: build
	@unset PYTHONUNBUFFERED PYTHONDONTWRITEBYTECODE; $(PYTHON) bench/hostile.py --binary "$$PWD/$(BUILD)/hatchery" $(ARGS)

bench-instructions: build
	@tools/deps.sh instructions
	@$(PYTHON) bench/instructions.py --build $(BUILD) $(ARGS)

bench-drift: build
	@unset PYTHONUNBUFFERED PYTHONDONTWRITEBYTECODE; $(PYTHON) bench/drift.py --binary "$$PWD/$(BUILD)/hatchery" --json $(BUILD)/drift.json $(ARGS)

dev: deps
	@tools/dev.sh $(BUILD) --listen $(LISTEN) $(ARGS)

bench-faults: build
	@tools/deps.sh test
	@PYTHON=$(PYTHON) tools/pytest.sh $(BUILD) --version >/dev/null
	@HATCHERY_BINARY="$$PWD/$(BUILD)/hatchery" $(BUILD)/venv/bin/python bench/faults.py $(ARGS)

install: build
	meson configure $(BUILD) -Dprefix=$(PREFIX)
	meson install -C $(BUILD)

uninstall:
	ninja -C $(BUILD) uninstall

deb: build
	@tools/deps.sh deb
	@tools/deb.sh $(BUILD)

docs: build
	@tools/docs.sh $(BUILD)/hatchery

format:
	clang-format -i $$(git ls-files 'src/*.c' 'src/*.h' 'tests/*.c' 'tests/*.h')

clean:
	rm -rf $(BUILD) build-asan build-fuzz build-clang build-coverage build-deb build-arm64 web/node_modules
