# The commands of the README. Nothing but python3 and make is assumed.
.PHONY: man icons run quick test check lint types migrations javascript docs clean
.DELETE_ON_ERROR:

# Keep compiled modules, whatever the shell says: each worker and each program of a test would compile all of them again.
unexport PYTHONDONTWRITEBYTECODE

PYTHON ?= python3
BIN = .venv/bin
# The files of the tests lie in memory where 4 GB are free: a disk takes up to a third of the time. TMPDIR=/tmp keeps them on it.
export TMPDIR ?= $(shell { df -Pk /dev/shm | awk 'NR == 2 { print $$4 }'; awk '/^MemAvailable/ { print $$2 }' /proc/meminfo; } 2>/dev/null \
	| awk '$$1 > 4000000 { enough++ } END { print enough == 2 ? "/dev/shm" : "/tmp" }')
PYTEST = $(BIN)/python -m pytest --numprocesses auto --dist loadfile --no-loadscope-reorder

# make run ARGS="--port 9000"
run: .venv/.web build/demo-home
	$(BIN)/hermes-sessions --hermes-home build/demo-home serve $(ARGS)

# The tests to run while working: no browser, no faults, nothing slow, and few examples for each property.
quick: .venv/.test
	$(PYTEST) -m "not browser and not fault and not slow and not long" --ignore tests/faults --hypothesis-profile quick $(ARGS)

# make test ARGS="-k drift"; the tests of one file run after another, several files at once. Tests are skipped without the
# programs of others that they run: clients of the MCP server, and Debian's packages. With DATABASE=postgresql, each test opens
# its home with an index in PostgreSQL; those that are about SQLite keep theirs.
export TEST_DATABASE = $(DATABASE)
test: .venv/.test
	-$(MAKE) --no-print-directory -j2 build/agent/.made node_modules/.package-lock.json
	command -v node >/dev/null || .ci/packages nodejs
	.ci/packages chromium-headless-shell strace nginx-light caddy fonts-noto-core fonts-noto-cjk fonts-noto-color-emoji fish zsh postgresql
	$(PYTEST) $(ARGS)

check: lint types migrations javascript test

lint: .venv/.test
	$(BIN)/ruff check
	$(BIN)/ruff format --check

types: .venv/.test
	$(BIN)/mypy

# The models and the migrations must describe the same tables.
migrations: .venv/.test
	scratch=$$(mktemp -d) && trap 'rm -rf "$$scratch"' EXIT && \
	export HERMES_SESSIONS_DATABASE_URL="sqlite:///$$scratch/sessions.db" && \
	$(BIN)/alembic upgrade head && $(BIN)/alembic check

# The scripts of the pages: their types, as JSDoc gives them, their style, and their unit tests, in Node's own runner.
javascript: node_modules/.package-lock.json
	npm run --silent types
	npm run --silent lint
	npm run --silent test

# The documentation site, in build/site. A warning is an error: a broken link, a page that is in no menu, a public name
# without a description, an address on another host that a page would fetch.
docs: .venv/.docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

# The manual page of the command line, from its own help.
man: .venv/.test
	$(BIN)/python -m docs.hooks.manual_page > man/hermes-sessions.1

icons: .venv/.test
	$(BIN)/python -m docs.hooks.app_icons

clean:
	rm -rf .venv node_modules build dist *.egg-info .hypothesis .mypy_cache .pytest_cache .ruff_cache

build/demo-home: | .venv/.web
	mkdir -p build
	$(BIN)/hermes-sessions demo $@ || { rm -rf $@; exit 1; }

node_modules/.package-lock.json: package.json package-lock.json .npmrc
	command -v npm >/dev/null || .ci/packages nodejs npm
	npm ci --silent
	touch $@

# The Hermes agent, with the MCP SDK that it pins: tests run it as a client of our MCP server.
build/agent/.made: tests/mcp/clients/requirements.txt | .venv/.made
	$(PYTHON) -m venv --clear build/agent
	build/agent/bin/python -m pip install --quiet --disable-pip-version-check --no-compile --requirement $<
	touch $@

# Debian ships python3 without the module that puts pip into a virtual environment.
.venv/.made:
	$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || .ci/packages python3-venv
	$(PYTHON) -m venv --clear .venv
	touch $@

.venv/.web: .venv/.made setup.cfg pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[web]'
	touch $@

.venv/.test: .venv/.made setup.cfg pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[test]'
	touch $@ .venv/.web

.venv/.docs: .venv/.made setup.cfg pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[docs]'
	touch $@ .venv/.web
