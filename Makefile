# What the project keeps: run, test, bench, docs, install, uninstall. `make help` lists them.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PREFIX ?= /usr/local
DESTDIR ?=
SOURCES := $(shell find hlml hl_smi hl_qual device csrc -type f ! -name '*.pyc' 2>/dev/null)

.DEFAULT_GOAL := wheel
.PHONY: help wheel dev run test clients lint bench soak release docs install uninstall clean prerequisites

help:
	@echo 'make            build the wheel and install it into $(VENV)'
	@echo 'make run        the same, then the main job: hl-smi, hl_qual -t matmul_stress, hl-smi while it runs'
	@echo 'make test       the same, then lint, types, import contracts and all tests'
	@echo 'make bench      the rows of the speed table'
	@echo 'make soak       writers killed a hundred thousand times, looking for torn states; some ten minutes'
	@echo 'make release    libhlml.so for glibc 2.28 (x86-64, aarch64) and musl, under build/release; some minutes the first time'
	@echo 'make docs       renew the generated tables under docs/'
	@echo 'make install    library, header, tools, manual below DESTDIR and PREFIX (/usr: the real paths)'
	@echo 'make dev        editable install for development'

prerequisites:
	@PYTHON='$(PYTHON)' sh scripts/check_prerequisites.sh

$(VENV)/.tools: pyproject.toml | prerequisites
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade pip
	$(BIN)/python -m pip install --quiet --disable-pip-version-check build $(shell $(PYTHON) scripts/requirements.py pyproject.toml)
	@touch $@

$(VENV)/.installed: $(VENV)/.tools $(SOURCES) meson.build pyproject.toml
	rm -rf build/wheel
	$(BIN)/python -m pip wheel --quiet --disable-pip-version-check --no-deps --wheel-dir build/wheel .
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --force-reinstall build/wheel/*.whl
	@touch $@

wheel: $(VENV)/.installed

dev: $(VENV)/.tools
	$(BIN)/python -m pip install --quiet meson ninja meson-python
	$(BIN)/python -m pip install --no-build-isolation --no-deps --editable .
	@touch $(VENV)/.installed

run: wheel
	@BIN='$(CURDIR)/$(BIN)' sh scripts/main_job.sh

lint: wheel
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# Programs of others that the tests run; without a registry those tests are skipped.
clients: wheel
	@PYTHON=$(BIN)/python sh scripts/fetch_clients.sh build/clients

test: lint clients
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/pytest tests

bench: wheel
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -P benchmarks/run.py

soak: wheel
	$(BIN)/python -P scripts/soak.py

release: wheel
	$(BIN)/python -m pip install --quiet --disable-pip-version-check $(shell $(PYTHON) scripts/requirements.py pyproject.toml release)
	$(BIN)/python -P scripts/release.py
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/pytest tests/csrc/test_release.py -rs

docs: wheel
	$(BIN)/python docs/gen_hlml_table.py
	$(BIN)/python -P docs/gen_hl_qual_tables.py
	$(BIN)/python docs/gen_model_points.py
	$(BIN)/python docs/gen_hlml_man.py
	$(BIN)/python csrc/gen_fault_kinds.py
	$(BIN)/python docs/gen_faults.py
	$(BIN)/python docs/gen_man.py

install: wheel
	$(BIN)/python -P -m device install --root '$(DESTDIR)/' --prefix '$(PREFIX)'

uninstall: wheel
	$(BIN)/python -P -m device install --remove --root '$(DESTDIR)/' --prefix '$(PREFIX)'

clean:
	rm -rf build $(VENV)
