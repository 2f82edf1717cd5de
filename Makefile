# The same commands for people and for CI; each does all set-up that it needs.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PEERS := .cache/peers
DOCS := .cache/docs
SOURCES := recorder tests benchmarks docs
SERVERS := scripts/need-apt mosquitto:mosquitto mariadbd:mariadb-server \
  openssl:openssl slapd:slapd ldapmodify:ldap-utils systemd-analyze:systemd \
  faketime:faketime
FONT := /usr/share/fonts/truetype/dejavu/DejaVuSans.ttf
BROWSER := scripts/need-apt chromium:chromium npm:npm && \
  scripts/need-apt --files $(FONT):fonts-dejavu-core
CHAOS_ROUNDS ?= 50
CHAOS_SEED ?= 1
QUALITY ?= full
BENCH_IMAGES ?= 10000
# One worker for each core where tests calculate, twice as many where they wait for
# servers and processes half of their time; each has a MariaDB if a test asks for one.
# nproc heeds OMP_NUM_THREADS, which says nothing of tests.
TEST_JOBS ?= $(shell n=$$(env -u OMP_NUM_THREADS -u OMP_THREAD_LIMIT nproc); echo $$((n < 8 ? n : 8)))
SYSTEM_JOBS ?= $(shell n=$(TEST_JOBS); echo $$((n > 4 ? 8 : n > 1 ? 2 * n : 1)))
PARALLEL := -n $(TEST_JOBS) --dist worksteal
# some tests share a stage: those stay in one worker
GROUPED := -n $(SYSTEM_JOBS) --dist loadgroup
PYTEST := $(BIN)/pytest
QUICK := not slow and not simulator
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: help install dev check demo quick test test-unit test-system \
  test-recordings test-bare laws oracles fuzz chaos soak docs \
  bench bench-quality bench-scale \
  bench-peers timeline-bench alarm-bench lock schemas screenshots clean
.DEFAULT_GOAL := help

help: ## This list
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

install: $(VENV)/.installed ## Virtual environment with the package and its commands
dev: $(VENV)/.dev ## The same, with the tools for tests and checks

$(VENV)/.installed: pyproject.toml constraints.txt scripts/install scripts/decoder
	@PYTHON=$(PYTHON) scripts/install $(VENV)
	@touch $@

$(VENV)/.dev: $(VENV)/.installed
	@scripts/install $(VENV) --dev
	@touch $@

demo: install ## A simulated experiment, recorded: needs no root
	$(BIN)/recorder demo --dir build/demo

check: dev ## Lint, format, types, layers
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/mypy
	$(BIN)/mypy benchmarks
	$(BIN)/mypy docs/examples/*/recorder_*.py
	$(BIN)/lint-imports
	@! grep -n '://' constraints.txt docs/requirements.txt || { echo "a URL"; exit 1; }

quick: dev ## Unit tests but the slow ones, laws with few examples: under a minute
	HYPOTHESIS_PROFILE=few $(PYTEST) $(PARALLEL) tests/unit -m "$(QUICK)"

laws: dev ## Every law with 20 times the examples, new ones each time
	HYPOTHESIS_PROFILE=long $(PYTEST) $(PARALLEL) -m hypothesis --timeout 7200 $(PYTEST_ARGS)

test: dev oracles ## All tests, with real servers (installed with apt where missing)
	@$(SERVERS)
	@$(BROWSER)
ifeq ($(strip $(PYTEST_ARGS)),)
	@failed=; for part in unit system recordings; do \
	  $(MAKE) --no-print-directory test-$$part || failed="$$failed test-$$part"; done; \
	if [ -n "$$failed" ]; then echo "failed:$$failed"; exit 1; fi
else
	$(PYTEST) -n $(TEST_JOBS) --dist loadgroup $(PYTEST_ARGS)
endif

test-unit: dev ## Unit and fuzz tests, and the lines that they run
	@rm -f .coverage .coverage.*
	$(BIN)/coverage run -m pytest $(PARALLEL) tests/unit tests/fuzz
	@$(BIN)/coverage combine --quiet
	@echo "lines that the unit tests run (system tests are not measured):"
	$(BIN)/coverage report

test-system: dev oracles ## System tests; the servers have to be there
	$(PYTEST) $(GROUPED) tests/system

test-recordings: dev # once more without recordings, where there are some
	@if $(BIN)/python -m tests.recordings; then \
	  $(MAKE) --no-print-directory test-bare; fi

oracles: dev ## Environments of ISPyB's published models, kept in ~/.cache
	@$(BIN)/python -m tests.published_models

test-bare: dev ## Unit tests that read files or recordings, in a bare copy of HEAD, without recordings beside it
	@HYPOTHESIS_PROFILE=few scripts/test-bare $(VENV) -q -m "$(QUICK)" $(PARALLEL)

fuzz: dev ## Every decoder under atheris: FUZZ_SECONDS=60 for each target, FUZZ_JOBS=2
	$(BIN)/pip install --quiet -r tests/fuzz/requirements.txt
	$(BIN)/python -m tests.fuzz

bench: dev ## Cost of an image beside copy and decode, and images/s end to end
	$(BIN)/python -m benchmarks.end_to_end --long $(BENCH_IMAGES) --write docs/benchmarks.md
	$(BIN)/python -m benchmarks.restart --write docs/benchmarks-restart.md
	$(BIN)/python -m benchmarks.archive --write docs/benchmarks-archive.md
	$(BIN)/python -m benchmarks.replay --write docs/benchmarks-replay.md
	$(BIN)/python -m benchmarks.control_burst --write docs/benchmarks-control.md
	$(BIN)/python -m benchmarks.live_page --write docs/benchmarks-page.md
	$(BIN)/python -m benchmarks.portal_sync --write docs/benchmarks-portal.md
	$(BIN)/python -m benchmarks.wire --write docs/benchmarks-wire.md

bench-peers: dev $(PEERS)/.installed ## Peers beside ours, same images (installs 8 GB)
	$(BIN)/python -m benchmarks.peers $(PEERS_ARGS)

$(PEERS)/.installed: benchmarks/peers/requirements.txt scripts/install-peers | dev
	@PEERS_SKIP="$(PEERS_SKIP)" scripts/install-peers $(VENV) $(PEERS)
	@ls $(PEERS)/*.why >/dev/null 2>&1 || touch $@

quick test test-unit test-system test-bare laws bench bench-quality timeline-bench alarm-bench soak: export OMP_NUM_THREADS := 1
quick test test-unit test-system test-bare laws bench bench-quality timeline-bench alarm-bench soak: export OPENBLAS_NUM_THREADS := 1
bench-quality: dev ## Conditions, recall, indexing and chance, simulated and real: QUALITY=short|full
	$(BIN)/python -m benchmarks.quality --size $(QUALITY) --write docs/benchmarks-quality.md

bench-scale: dev ## Images/s by workers, with lessons; what the coordinator costs; lost nodes
	$(BIN)/python -m benchmarks.scale --write docs/benchmarks-scale.md

timeline-bench: dev ## Wrong and unknown labels, losses, fits and cost: patterns x faults
	$(BIN)/python -m benchmarks.timeline --write docs/benchmarks-timeline.md

alarm-bench: dev ## False alarms a shift, delays, and right causes, on simulated runs
	$(BIN)/python -m benchmarks.alarms --write docs/benchmarks-alarms.md

chaos: dev ## Rounds of kills, cuts and full disks around experiments, also on more hosts
	@$(SERVERS)
	$(BIN)/python -m tests.chaos --rounds $(CHAOS_ROUNDS) --seed $(CHAOS_SEED) \
	  --write docs/chaos.md
	$(BIN)/python -m tests.chaos.cluster --seed $(CHAOS_SEED) --write docs/chaos.md

soak: dev ## Run after run for SOAK_MINUTES, then overload: memory, spool, counts
	@$(SERVERS)
	$(BIN)/python -m benchmarks.soak $(SOAK_ARGS) --write docs/soak.md

docs: $(DOCS)/.installed ## The documentation as HTML in build/docs; a broken link fails
	@rm -rf build/docs
	$(DOCS)/bin/sphinx-build --quiet --fresh-env --write-all --fail-on-warning \
	  --keep-going --builder html docs build/docs
	@echo build/docs/README.html

$(DOCS)/.installed: docs/requirements.txt
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || \
	  scripts/need-apt --files /nonexistent:python3-venv
	$(PYTHON) -m venv $(DOCS)
	$(DOCS)/bin/pip install --quiet -r docs/requirements.txt
	@touch $@

lock: dev ## Renew constraints.txt
	$(BIN)/pip install --quiet uv
	$(BIN)/uv pip compile pyproject.toml --universal --all-extras --group dev \
	  --no-header --no-annotate --quiet -o constraints.txt

schemas: install ## Renew the committed JSON schemas
	$(BIN)/recorder config schema > config/recorder.schema.json
	$(BIN)/recorder config schema --report > config/report.schema.json
	$(BIN)/recorder config schema --api > config/openapi.json
	$(BIN)/recorder config schema --pyispyb > config/openapi-pyispyb.json

screenshots: dev ## The pictures in the documents, made anew
	@$(BROWSER)
	$(BIN)/python scripts/screenshots

clean: ## Remove what the targets made
	rm -rf $(VENV) .coverage .coverage.* build dist .cache .mypy_cache .ruff_cache .pytest_cache .hypothesis
