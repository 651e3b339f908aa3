# Everything is done in the project's own environment, .venv; make help lists what there is.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ARGS ?=
# The product, and the two distributions beside it.
CODE := exporter grafana/generator examples tests bench docker docs
BOARDS := ./grafana/generator
DEMO := ./examples/demo

.DEFAULT_GOAL := check
.PHONY: help demo test test-newer test-fast test-wheel test-pythons test-long coverage check format lint type render bench lock secrets smoke clean servers house pictures

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

# A bare Debian has no ensurepip: the environment is made without pip, and pip installs into it from outside.
# $(1) is a file of requirements, $(2) the folders of the distributions to install, editable.
define new_venv
	test -x $(BIN)/python || $(PYTHON) -m venv --without-pip $(VENV)
	$(PYTHON) -m pip --python $(BIN)/python --disable-pip-version-check install --quiet --require-hashes -r $(1)
	$(PYTHON) -m pip --python $(BIN)/python --disable-pip-version-check install --quiet --no-deps --no-build-isolation $(addprefix -e ,$(2))
	touch $@
endef

$(VENV)/.exporter: requirements/exporter.txt pyproject.toml $(DEMO)/pyproject.toml
	@echo "installing droidscope and its demo into $(VENV) ..."
	@$(call new_venv,requirements/exporter.txt,. $(DEMO))

$(VENV)/.dev: requirements/dev.txt pyproject.toml $(DEMO)/pyproject.toml $(BOARDS)/pyproject.toml
	@echo "installing droidscope and what its tests need into $(VENV) ..."
	@$(call new_venv,requirements/dev.txt,. $(DEMO) $(BOARDS))
	@touch $(VENV)/.exporter

demo: $(VENV)/.exporter ## exporter, fleet and (if installed) Prometheus and Alertmanager; ARGS="--once --seconds 20"
	@$(BIN)/droidscope demo $(ARGS)

servers: ## install Prometheus and Alertmanager from Debian's packages, where this user may, and unpack newer ones
	@tests/install-servers
	@tests/install-newer-servers

test: $(VENV)/.dev servers ## all tests, and those that need servers once more with newer ones
	@$(BIN)/python -m pytest $(ARGS)
	@if [ -z "$(ARGS)" ]; then $(MAKE) --no-print-directory test-newer; fi

test-newer: $(VENV)/.dev servers ## the tests that need servers, with Prometheus 3 and the newest Alertmanager from Debian unstable
	@if [ -d .servers ]; then PATH="$(CURDIR)/.servers/usr/bin:$$PATH" $(BIN)/python -m pytest -m server $(ARGS); fi

test-fast: $(VENV)/.dev ## the tests that wait for no server: minutes
	@$(BIN)/python -m pytest -m "not slow" $(ARGS)

test-wheel: $(VENV)/.dev ## the instrumentation's tests on the newest Python found here, with the wheel that users install
	@$(BIN)/python tests/pythons.py --smoke $(ARGS)

test-pythons: $(VENV)/.dev ## the fast tests with the wheel, on every other supported Python found here
	@$(BIN)/python tests/pythons.py $(ARGS)

coverage: $(VENV)/.dev servers ## all tests, measured: lines and branches of the product that none runs
	@rm -rf .coverage
	@$(BIN)/coverage run -m pytest $(ARGS)
	@$(BIN)/coverage combine --quiet
	@$(BIN)/coverage report
	@$(BIN)/python tests/branches.py

test-long: export LONG := 1
test-long: test-pythons coverage ## what takes longer than a commit can wait

check: format render lint type test ## all a commit needs

format: $(VENV)/.dev ## format the code
	@$(BIN)/ruff format --quiet $(CODE)
	@$(BIN)/ruff check --quiet --fix $(CODE) || true

lint: $(VENV)/.dev ## lint the code, check the spelling and compare the rendered files with their source
	@$(BIN)/ruff format --check --quiet $(CODE)
	@$(BIN)/ruff check $(CODE)
	@$(BIN)/codespell
	@$(BIN)/python -m droidscope.rules --check
	@$(BIN)/droidscope boards render --check
	@$(BIN)/python tests/configuration_page.py --check
	@$(BIN)/python tests/alerts_page.py --check
	@$(BIN)/python tests/kpi_and_api_tables.py --check
	@$(BIN)/python tests/reference_page.py --check

type: $(VENV)/.dev ## type-check the packages and the use of its public API
	@$(BIN)/mypy

render: $(VENV)/.dev ## render prometheus/, alertmanager/, grafana/ and tables of docs/
	@$(BIN)/python -m droidscope.rules
	@$(BIN)/droidscope boards render
	@$(BIN)/python tests/configuration_page.py
	@$(BIN)/python tests/alerts_page.py
	@$(BIN)/python tests/kpi_and_api_tables.py
	@$(BIN)/python tests/reference_page.py

house: $(VENV)/.dev ## count names defined twice, sizes and imports; fails where a limit is exceeded
	@$(BIN)/python tests/house.py

bench: $(VENV)/.dev ## measure ingest, exposition and instrumentation, as ratios
	@for file in bench/*.py; do echo "== $$file"; $(BIN)/python $$file; done

lock: $(VENV)/.dev ## resolve the requirements anew
	@$(BIN)/uv pip compile -q pyproject.toml --extra exporter --extra sdk --extra quality --group dev --generate-hashes --universal --no-emit-index-url --no-header -o requirements/dev.txt
	@$(BIN)/uv pip compile -q pyproject.toml --extra exporter --extra sdk --extra quality --group build -c requirements/dev.txt --generate-hashes --universal --no-emit-index-url --no-header -o requirements/exporter.txt

smoke: ## start docker-compose.yml, ask everything in it if it works, stop it; needs a container engine
	@$(PYTHON) docker/smoke.py $(ARGS)

pictures: $(VENV)/.dev ## take the pictures of the live page anew, for README.md; needs Chromium
	@$(BIN)/python docs/pictures/take.py

secrets: ## make the password of Grafana's admin, for docker compose
	@mkdir -p -m 700 secrets
	@mkdir -p secrets/alertmanager # what receivers need, a file each; docs/notifications.md
	@test -s secrets/grafana_admin_password || (umask 077 && head -c 24 /dev/urandom | base64 > secrets/grafana_admin_password)
	@chmod 444 secrets/grafana_admin_password # the container's user reads it; the directory keeps others out
	@echo "Grafana's admin password is in secrets/grafana_admin_password"

clean: ## remove what was made here
	rm -rf $(VENV) .demo .servers .pythons .coverage .mypy_cache .pytest_cache .ruff_cache .hypothesis dist build
