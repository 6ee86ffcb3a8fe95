# Two commands matter: `make run` and `make test`. Both make .venv first, where it is missing or out of date.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules
.PHONY: help run test lint format schema released lock playground clients shop fuzz soak chaos compare bench bench-quick clean

# The tests start some 300 processes: where no bytecode may be written, each compiles every module anew.
unexport PYTHONDONTWRITEBYTECODE

BIN := .venv/bin
INSTALLED := .venv/.installed
# Test processes: as many as there are processors, at most four, since all share one PostgreSQL.
JOBS ?= $(shell n=$$(nproc 2>/dev/null || echo 2); [ "$$n" -le 4 ] && echo "$$n" || echo 4)
COMPILE := uv pip compile --quiet --universal --generate-hashes --python-version 3.11 \
	--no-emit-index-url --no-emit-find-links --no-header

help: ## List the targets
	@awk -F ' ## ' '/^[a-z-]+:.* ## / { sub(/:.*/, "", $$1); printf "  make %-11s %s\n", $$1, $$2 }' Makefile
	@echo '  Options: make run ARGS="--port 8001", make test ARGS="-k orders" JOBS=1, PYTHON=python3.12'

run: $(INSTALLED) playground ## Start databases, API and worker; Ctrl-C stops them, the data stay in var/
	@exec $(BIN)/tandem dev --slow 1 $(ARGS)

shop: examples/shop/node_modules/.package-lock.json ## Run the example shop on http://localhost:5173, beside make run
	@cd examples/shop && exec npm run --silent dev -- $(ARGS)

test: $(INSTALLED) playground clients ## Run all tests, against real servers on free ports
	@exec $(BIN)/python -m pytest -n $(JOBS) $(ARGS)

lint: $(INSTALLED) ## Check style, formatting and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy .

format: $(INSTALLED) ## Fix style and formatting
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

schema: $(INSTALLED) ## Write schema.graphql and the API changes in CHANGELOG.md anew
	$(BIN)/tandem export-schema
	$(BIN)/python -m dev.api_changes

released: schema ## At a release: take what both APIs say now for what clients rely on
	cp schema.graphql tests/graph/released.graphql
	$(BIN)/tandem export-openapi --output rest/v1/released.json

lock: ## Bring the lock files up to date with pyproject.toml (needs uv)
	@command -v uv >/dev/null || { echo 'make lock needs uv on PATH.' >&2; exit 1; }
	$(COMPILE) pyproject.toml -o requirements.lock
	$(COMPILE) pyproject.toml --extra dev -c requirements.lock -o requirements-dev.lock
	$(COMPILE) tests/clients/openapi_python/requirements.in -o tests/clients/openapi_python/requirements.txt

fuzz: $(INSTALLED) ## Run public security tools against real servers
	@test -x var/fuzz/bin/schemathesis || { $(BIN)/python -m venv var/fuzz && \
		var/fuzz/bin/pip install --quiet -r tests/security/requirements.txt; }
	@exec $(BIN)/python -m tests.security.fuzz --tools var/fuzz/bin $(ARGS)

soak: $(INSTALLED) ## Attack a real server for an hour, and see that its memory stays; ARGS="--seconds 600"
	@exec $(BIN)/python -m tests.security.soak $(ARGS)

chaos: $(INSTALLED) ## Kill, freeze and cut off everything under load, and prove the books; ARGS="--list"
	@exec $(BIN)/python -m tests.chaos $(ARGS)

bench: $(INSTALLED) ## Measure beside other servers; ARGS=--help shows what can be chosen
	@exec $(BIN)/python -m benchmarks $(ARGS)

bench-quick: $(INSTALLED) ## The same with fewer servers and workloads, in under 2 minutes
	@exec $(BIN)/python -m benchmarks --quick $(ARGS)

compare: $(INSTALLED) ## Compare the executor with graphql-core, and REST v1 with GraphQL, over many random cases
	@exec $(BIN)/python -m tests.engine.graphql.compare $(ARGS)

clean: ## Remove what can be made again; the data in var/ stay
	rm -rf .venv .mypy_cache .ruff_cache .hypothesis build dist graph/endpoint/playground/assets tests/clients/node_modules
	rm -rf examples/shop/node_modules examples/shop/dist examples/shop/src/generated
	find . -name __pycache__ -type d -not -path './var/*' -prune -exec rm -rf {} +

$(INSTALLED): requirements-dev.lock pyproject.toml scripts/venv
	@sh scripts/venv
	@touch $@

examples/shop/node_modules/.package-lock.json: examples/shop/package-lock.json
	@command -v npm >/dev/null || { echo 'make shop needs npm on PATH.' >&2; exit 1; }
	@cd examples/shop && npm ci --prefer-offline && touch node_modules/.package-lock.json

# GraphiQL's scripts, so that the page asks no other host for them; without them it works too, and says so.
playground:
	@sh graph/endpoint/playground/fetch-assets.sh || echo 'Going on without the local scripts of GraphiQL.'

# Clients and their generators, each of which is tested against the service; without them their tests are skipped.
clients: $(INSTALLED)
	@sh tests/clients/install.sh || echo 'Going on without the JavaScript clients.'
	@sh tests/clients/openapi_python/install.sh || echo 'Going on without openapi-python-client.'
