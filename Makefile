# One comment per recipe. `make demo` and `make test` each do all their own set-up.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.schakel-setup

.PHONY: setup install spark demo test test-all test-long check rehearse audit lock clean

# The environment: hash-locked packages and the project itself; says aloud which system packages are missing
setup: $(STAMP)

$(STAMP): requirements/dev.txt pyproject.toml deploy/system-packages.sh tests/portal/node/package-lock.json
	@echo "Setting up $(VENV): about 200 packages, checked against their hashes (a minute or two, once)."
	@$$(command -v $(PYTHON) || command -v python3) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements/dev.txt
	@PYTHONWARNINGS=ignore $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@sh deploy/system-packages.sh
	@cd tests/portal/node && npm ci --silent --no-audit --no-fund --ignore-scripts || \
		echo "The npm packages of tests/portal/node could not be installed: tests that need them will be skipped with a notice."
	@touch $@

# Spark as well (0.5 GB), for `--engine` and its tests; one source archive, so it is built here without anything fetched for that
spark: setup $(VENV)/.schakel-spark

$(VENV)/.schakel-spark: requirements/spark.txt $(STAMP)
	@echo "Adding Spark to $(VENV), checked against its hash (once)."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps --no-build-isolation -r requirements/spark.txt
	@touch $@

# What a data holder's machine needs and nothing of the tests: the environments of Schakel and of Prefect's server
install: .venv-server/.made
	@echo "Setting up $(VENV): about 150 packages, checked against their hashes (a minute or two)."
	@$$(command -v $(PYTHON) || command -v python3) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements/run.txt -r requirements/build.txt
	@PYTHONWARNINGS=ignore $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .

# Both studies on the reference extracts, end to end, into ./demo
demo: setup
	@$(BIN)/schakel demo --out demo

# Lint, types, the walls between rooms, and the test suite (at most 10 minutes)
test: setup .venv-audit/.made check
	@$(BIN)/python -m pytest -m "not slow" -n 2 --dist loadfile

# Kills, faults, every screen and the removal of every person, as continuous integration runs them
test-all: setup spark
	@$(BIN)/python -m pytest -m slow --timeout 1800 tests/flows/test_kill.py tests/flows/test_canary.py tests/disclosure/noise/test_noise_bounds.py tests/synth \
		tests/disclosure/log/test_log_publication.py tests/disclosure/log/test_log_ledger.py tests/disclosure/log/test_log_faults.py \
		tests/portal/test_portal_browser.py tests/deploy tests/spark

# Every slow test there is: hundreds of releases under attack, speed curves, real runs in rivalry (an hour on two cores)
test-long: setup spark
	@$(BIN)/python -m pytest -m slow --timeout 3600

# Only the static checks
check: setup
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

# A data holder's installation on this machine, for real: PostgreSQL, Prefect, worker, schedule, a kill, an alert (minutes)
rehearse: setup .venv-server/.made
	@$(BIN)/python -m deploy.rehearsal

# Known holes, bill of materials and licences of every locked package; linters of the container files; into ./dist
audit: setup .venv-audit/.made
	@$(BIN)/python deploy/audit.py .venv-audit/bin $(BIN)/python

# Environments of Prefect's server and of the auditing tools: whole locks, so nothing is resolved
.venv-%/.made: requirements/%.txt
	@echo "Setting up .venv-$*, checked against its hashes (once)."
	@$$(command -v $(PYTHON) || command -v python3) -m venv .venv-$*
	@.venv-$*/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r $<
	@touch $@

# Lock again after a change in pyproject.toml (needs uv; hashes only, no addresses)
lock:
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header pyproject.toml -o requirements/run.txt
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header pyproject.toml --extra dev -o requirements/dev.txt
	for name in server audit build spark; do uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header requirements/$$name.in -o requirements/$$name.txt; done

# Remove what make and the tests created
clean:
	rm -rf $(VENV) .venv-server .venv-audit dist demo build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
