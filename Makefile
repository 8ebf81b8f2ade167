# The verbs of the project. Everything they need they install into .venv/ and .bench/ first.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
LOCK := .ci/requirements.lock
STAMP := $(VENV)/.locked
SCENARIO ?= scenarios/rating_lookup.toml

.PHONY: setup demo test check lint types contracts docs bench clean lock

setup: $(STAMP) pooler

$(STAMP): $(LOCK) pyproject.toml
	PYTHON=$(PYTHON) sh .ci/make-venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $(LOCK)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch $(STAMP)

.PHONY: pooler
pooler:
	sh .ci/build-pgbouncer

demo: setup ## the main job on the embedded default; ends by printing the report's path
	$(BIN)/bench run $(SCENARIO) --quick --warn-only

test: setup ## every test
	sh .ci/provide-test-servers
	$(BIN)/python -m pytest --numprocesses=2 --dist=loadfile --no-loadscope-reorder

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(STAMP)
	$(BIN)/mypy

contracts: $(STAMP)
	$(BIN)/lint-imports

docs: $(STAMP) ## the documentation as a site, in .bench/site; a broken link is an error
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --config-file .ci/mkdocs.yml

check: lint types contracts test ## what CI runs

bench: setup ## the project's own benchmarks, side by side with the peers; then everything broken, and fuzzed
	$(BIN)/python -m tests.benchmarks
	$(BIN)/python -m tests.faults
	$(BIN)/python -m tests.fuzz --cases 20000 --most-s 60

lock: ## renew the lock file: newest versions with hashes, without index addresses (needs uv)
	uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-annotate --no-header \
	  --python-version 3.11 --group dev pyproject.toml --output-file $(LOCK)

clean: ## stop the embedded servers and remove everything that can be made again, of removed checkouts too
	-test ! -x $(BIN)/bench || $(BIN)/bench down --remove
	rm -rf $(VENV) .bench .mypy_cache .ruff_cache .import_linter_cache .hypothesis dist build
