# Two set-up commands: `make demo` watches an autonomous scan, `make test` runs the whole suite.
VENV := .venv
BIN := $(VENV)/bin
INPUTS := pyproject.toml constraints.txt
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet --constraint constraints.txt

.PHONY: demo test check format clean

demo: $(VENV)/.runtime
	@$(BIN)/pointillist demo --out runs/demo --replace

test: $(VENV)/.tests
	@$(BIN)/python -m pytest

check: $(VENV)/.tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/.tests
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

$(VENV)/.runtime: $(INPUTS) tools/setup/prepare.sh
	@sh tools/setup/prepare.sh $(VENV)
	@echo "Installing Pointillist and what it needs into $(VENV)/ ..."
	@$(PIP) --editable .
	@touch $@

$(VENV)/.tests: $(VENV)/.runtime
	@echo "Installing what tests and training need into $(VENV)/ ..."
	@$(PIP) --editable '.[test,train]'
	@touch $@

clean:
	rm -rf $(VENV) runs build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
