# swpt-trade: two commands do everything on a fresh machine: `make demo` and `make test`.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

# Tests start many processes: each would compile every module again.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup system images manifests demo test check lint types fast slow simulate mutations chaos chaos-cluster step-backs try-compose lock audit sbom bench-solver bench-worker bench-bridge bench-turn clean

help: ## Show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

setup: $(READY) ## Create .venv with everything the project needs

$(READY): pyproject.toml $(wildcard requirements/*.txt)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed: make PYTHON=python3.11 …" >&2; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || { echo "The venv module is missing: install python3-venv" >&2; exit 1; }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/bootstrap.txt
	$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements/development.txt
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@touch $(READY)

system: ## Install the servers that the tests want (as root; RabbitMQ, PostgreSQL, plpgsql_check, PgBouncer, Chromium)
	@scripts/system-packages

images: $(READY) system ## Build the images without an engine, and trade in them (as root; buildah)
	$(BIN)/python -m tests.images --containers $(OPTIONS)

demo: $(READY) ## Run a whole trading turn, from wallets to money moved; writes demo-report/
	$(BIN)/swpt-trade demo

# Most tests of processes wait: more of them than there are cores.
WORKERS ?= 3
test: $(READY) system ## Run every test and linter; WORKERS=3 tests at a time
	$(MAKE) --no-print-directory lint types
	$(BIN)/pytest -n $(WORKERS)
	$(MAKE) --no-print-directory images

check: $(READY) lint types fast ## Lint, types and the fast tests: under a minute

lint: $(READY) $(VENV)/.linted-sql
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/hadolint Dockerfile
	$(BIN)/check-jsonschema --builtin-schema vendor.compose-spec docker-compose.yml

# All of it takes a quarter of a minute: only what has changed since it was last found good.
$(VENV)/.linted-sql: pyproject.toml $(READY) $(shell find sql -name '*.sql')
	$(BIN)/sqlfluff lint --processes 2 $(if $(filter-out %.sql,$?),sql,$?)
	@touch $@

types: $(READY)
	$(BIN)/mypy

fast: $(READY)
	$(BIN)/pytest -q -n 2 --dist loadfile -m 'not slow and not rabbitmq'

slow: $(READY) ## Measure which tests `make check` had better leave out; writes tests/slow.txt
	mkdir -p build
	$(BIN)/pytest -p no:tests.slow -q -n 2 --dist loadfile -m 'not slow and not rabbitmq' --junitxml=build/tests.xml
	$(BIN)/python -m tests.slow build/tests.xml

SEEDS ?= 100
simulate: $(READY) ## Run whole economies under faults; SEEDS=1000 says how many
	$(BIN)/python -m tests.simulation --seeds $(SEEDS)

mutations: $(READY) ## Take mends of known gaps out of a copy, one by one: some test must fail each time, or the simulator (25 minutes)
	$(BIN)/python -m tests.mutations

FAULTS ?= 200
SEED ?= 1
chaos: $(READY) system ## Trade while processes, databases and broker die; FAULTS=200 SEED=1
	$(BIN)/python -m tests.chaos --faults $(FAULTS) --seed $(SEED) --save docs/faults.md
	$(MAKE) --no-print-directory chaos-cluster

NODES ?= 9
chaos-cluster: $(READY) system ## Trade while nodes of a RabbitMQ cluster die, are cut off and fall silent; NODES=9 SEED=1
	$(BIN)/python -m tests.chaos --cluster --faults $(NODES) --seed $(SEED) --save docs/faults.md

TRIALS ?= 48
step-backs: $(READY) ## Put databases back in time by dumps, recoveries and promotions, at random moments of turns; TRIALS=48 SEED=1
	mkdir -p build
	$(BIN)/python -m tests.step_backs --trials $(TRIALS) --seed $(SEED) --keep build/step_backs.jsonl --save docs/faults.md

try-compose: $(READY) ## Run the services of docker-compose.yml as processes, until a turn has traded
	$(BIN)/python -m tests.images

bench-solver: $(READY) ## Measure the solver, 10 minutes; OPTIONS="--sizes 1e4,1e5" for a part
	$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements/bench.txt
	$(BIN)/python -m benchmarks.solver $(OPTIONS)

bench-worker: $(READY) ## Measure a worker shard on a durable server
	$(BIN)/python -m benchmarks.worker
	$(BIN)/python -m benchmarks.worker_steps
	$(BIN)/python -m benchmarks.whole_turn
	$(BIN)/python -m benchmarks.worker_soak --minutes 10 --dump-from 4 --dump-for 3

bench-bridge: $(READY) ## Measure the way from RabbitMQ into a shard, and out of it
	$(BIN)/python -m benchmarks.bridge

manifests: $(READY) ## Write deploy/rendered/, what kustomize makes of the manifests (kubectl)
	$(BIN)/python -m tests.deploy.rendering

bench-turn: $(READY) system ## Measure a whole turn over RabbitMQ, beside stand-ins for the service; OPTIONS="--offers 10000" for a small one
	$(BIN)/python -m benchmarks.broker_turn $(OPTIONS)

lock: $(READY) ## Write the hashes of all packages, after a change of pyproject.toml or constraints.txt
	@scripts/lock-packages

audit: $(READY) ## Look for known vulnerabilities of all packages, where an index tells them
	$(BIN)/python -m tests.known_vulnerabilities requirements/*.txt

sbom: $(READY) ## List everything that the service is made of: build/sbom.cdx.json (CycloneDX)
	$(BIN)/uv venv --quiet --clear --python $(BIN)/python build/service
	$(BIN)/uv pip install --quiet --python build/service/bin/python --require-hashes -r requirements/service.txt
	$(BIN)/cyclonedx-py environment build/service/bin/python --pyproject pyproject.toml --output-reproducible --of JSON -o build/sbom.cdx.json

clean: ## Remove everything that was made here
	rm -rf $(VENV) demo-report build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
