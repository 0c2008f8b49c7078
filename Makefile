# Owns how the project is set up, run, checked and measured. `make` alone lists the targets.
# Needs: make and Python 3.11 or newer with venv (Debian: apt-get install python3-venv). Everything else is fetched.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$p; break; }; done)
VENV := .venv
BIN := $(VENV)/bin
STAMPS := $(VENV)/.stamps
PIP := $(BIN)/python -m pip --disable-pip-version-check
PYTEST := $(BIN)/python -m pytest
CODE := gateway device_bridge tests tools bench
ARGS ?=
CRASH_RUNS ?= 1000
FUZZ_SECONDS ?= 120

MAVEN := mvn --batch-mode --no-transfer-progress
# Short runs: what the optimising compiler would gain it costs twice.
export MAVEN_OPTS ?= -XX:TieredStopAtLevel=1 -XX:+UseSerialGC
APP := android_companion
APP_BUILT := $(APP)/target/.built
APP_SOURCES := $(APP)/pom.xml $(shell find $(APP)/src $(APP)/tools -type f 2>/dev/null) $(wildcard tests/vectors/link.json)
APP_CARRIED := device_bridge/apk/companion-unsigned.apk

.PHONY: help setup setup-dev run unit test check lint fetched fix bench crash fuzz docs screenshots lock aarch64 peers \
	companion companion-quick companion-built android-tools

help:  ## List the targets
	@awk 'BEGIN {FS = ":.*##"} /^[a-z0-9-]+:.*##/ {printf "  make %-16s%s\n", $$1, $$2}' $(MAKEFILE_LIST)

# ------------------------------------------------------------------ setting up

setup: $(STAMPS)/project  ## Create .venv with what the server needs
setup-dev: $(STAMPS)/dev

$(STAMPS)/venv:
	@[ -n "$(PYTHON)" ] || { echo 'error: no Python 3.11 or newer found' >&2; \
		echo 'hint:  install it, or name it: make PYTHON=/path/to/python3.11' >&2; exit 1; }
	@[ -x $(BIN)/python ] && $(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv $(VENV) || { \
		echo 'error: $(PYTHON) cannot make a virtual environment' >&2; \
		echo 'hint:  Debian and Ubuntu: apt-get install python3-venv' >&2; exit 1; }
	@mkdir -p $(STAMPS) && touch $@

$(STAMPS)/runtime: requirements.lock $(STAMPS)/venv
	$(PIP) install --quiet --require-hashes -r requirements.lock
	@touch $@

# An editable install is what we want; setuptools' warning that it is one says nothing new.
$(STAMPS)/project: pyproject.toml $(STAMPS)/runtime
	PYTHONWARNINGS=ignore $(PIP) install --quiet --no-deps --no-build-isolation -e .
	@touch $@

$(STAMPS)/dev: requirements-dev.lock $(STAMPS)/project
	$(PIP) install --quiet --require-hashes -r requirements-dev.lock
	@touch $@

lock: setup-dev  ## Resolve the lock files anew (UPGRADE=--upgrade takes newer versions)
	$(BIN)/uv pip compile pyproject.toml --group build --universal --python-version 3.11 --generate-hashes \
		--no-emit-index-url --no-header --no-annotate --quiet $(UPGRADE) -o requirements.lock
	$(BIN)/uv pip compile pyproject.toml --group build --group dev --universal --python-version 3.11 \
		--generate-hashes --no-emit-index-url --no-header --no-annotate --quiet $(UPGRADE) \
		-c requirements.lock -o requirements-dev.lock

aarch64: setup-dev  ## Prove that a Raspberry Pi (64 bit) needs no compiler
	@for v in 3.11 3.12 3.13; do d=$$(mktemp -d); \
		$(PIP) download --quiet --require-hashes --only-binary :all: --implementation cp --python-version $$v \
			--platform manylinux2014_aarch64 --platform manylinux_2_17_aarch64 --platform manylinux_2_28_aarch64 \
			-r requirements.lock -d $$d; \
		echo "Python $$v on aarch64: $$(ls $$d | wc -l) wheels, nothing to compile"; rm -rf $$d; done

# ------------------------------------------------------------------ running

run: setup  ## Start the server on 127.0.0.1:8080 with two emulated lines (ARGS="--port 9000")
	@exec $(BIN)/gateway serve $(ARGS)

# ------------------------------------------------------------------ proving

unit: setup-dev  ## Unit tests (under two minutes)
	$(PYTEST) tests/unit

check: setup-dev lint  ## Lint, unit, contract and documents tests
	$(PYTEST) tests/unit tests/contract tests/docs

# Four processes: most tests wait for time or for a radio, so two cores are half idle. In their own order, so that the
# long ones of tests/crash do not come last, when nothing is left to do beside them.
test: fetched lint  ## Everything: lint, the app's tests, all tests, other people's programs, kill -9
	$(PYTEST) -n 4 --dist loadfile --no-loadscope-reorder tests

# Programs of the distribution first, then the environment beside the app's build: both wait for their downloads.
fetched:
	@$(MAKE) --no-print-directory android-tools peers
	@$(MAKE) --no-print-directory -j2 setup-dev companion-built

lint: setup-dev  ## ruff, mypy --strict, import-linter
	$(BIN)/ruff check $(wildcard $(CODE))
	$(BIN)/ruff format --check --quiet $(wildcard $(CODE))
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

fix: setup-dev  ## Let ruff format and repair what it can
	$(BIN)/ruff check --fix $(wildcard $(CODE))
	$(BIN)/ruff format $(wildcard $(CODE))

bench: setup-dev peers  ## Measure, and print a table with medians and spread
	$(BIN)/python -m bench $(ARGS)

crash: setup-dev companion-built  ## kill -9 at random points, CRASH_RUNS=1000 times
	CRASH_RUNS=$(CRASH_RUNS) $(PYTEST) tests/crash

fuzz: setup-dev  ## Feed the codec rubbish for FUZZ_SECONDS=120
	$(BIN)/python tests/fuzz/fuzz_codec.py --seconds $(FUZZ_SECONDS)

screenshots: setup-dev peers  ## Take the pictures of the documents anew (needs Chromium)
	$(BIN)/python -m tools.screenshots

docs: setup-dev  ## Make the generated documents anew
	$(BIN)/python -m tools.make_docs

# ------------------------------------------------------------------ the companion app

companion: android-tools  ## Build and test the app on three Androids, and carry it (needs a JDK and Maven)
	cd $(APP) && $(MAVEN) package
	@touch $(APP_BUILT) && cp $(APP)/target/companion-unsigned.apk $(APP_CARRIED)
	@echo "carried: $(APP_CARRIED), $$(wc -c < $(APP_CARRIED)) octets"

companion-quick: android-tools  ## The same, tested on one Android only
	cd $(APP) && $(MAVEN) package -Dsdks=34
	@cp $(APP)/target/companion-unsigned.apk $(APP_CARRIED)

# What `make test` needs: built and tested by Maven when a source is newer, and the carried app left as it is, so that
# the tests can compare the two.
companion-built: android-tools
	@if command -v mvn >/dev/null && command -v javac >/dev/null; then $(MAKE) --no-print-directory $(APP_BUILT); \
	elif [ -n "$${CI:-}" ]; then echo 'error: no JDK and Maven to build the companion app with' >&2; exit 1; fi

$(APP_BUILT): $(APP_SOURCES)
	cd $(APP) && $(MAVEN) package
	@touch $@

# A JDK and Maven build the app; the others look at it, and adb drives it. Without them, and without the right to
# install them, the tests of the app skip with a line that says so.
android-tools:
	@missing=; for t in javac mvn adb apksigner zipalign aapt dexdump enjarify; do \
		command -v $$t >/dev/null || missing="$$missing $$t"; done; \
	if [ -z "$$missing" ]; then :; \
	elif [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		export DEBIAN_FRONTEND=noninteractive; \
		apt-get update -qq && apt-get install -y -qq --no-install-recommends openjdk-17-jdk-headless maven adb \
			apksigner zipalign aapt dexdump enjarify >/dev/null; \
	else echo "note: not installed:$$missing; tests that build or look at the companion app will skip"; fi

# Other people's programs that tests run beside the product: gammu and smstools3 drive the emulator, gammu's decoder reads
# our TPDUs, promtool judges rules, Chromium opens the pages, PHP and Node run the examples, systemd reads our unit.
# Without them, and without the right to install them, those tests skip with a line that says so.
peers:
	@missing=""; need() { command -v "$$1" >/dev/null || missing="$$missing $$2"; }; \
	PATH="$$PATH:/usr/sbin"; \
	need gammu-smsd gammu-smsd; need smsd smstools; need promtool prometheus; need chromium "chromium fonts-dejavu-core"; \
	need php php-cli; need node nodejs; need systemd-analyze systemd; need curl curl; \
	/usr/bin/python3 -c 'import gammu' 2>/dev/null || missing="$$missing python3-gammu"; \
	if [ -z "$$missing" ]; then :; \
	elif [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		export DEBIAN_FRONTEND=noninteractive; \
		apt-get update -qq && apt-get install -y -qq --no-install-recommends $$missing >/dev/null; \
	else echo "note: not installed:$$missing; tests that run them will skip"; fi
