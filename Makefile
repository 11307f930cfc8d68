# Two set-up commands: `make demo` watches an autonomous scan, `make test` runs the whole suite.
# On an instrument: `make install`; see docs/how-to/install-on-an-instrument.md.
# At night: `make faults`, `make fuzz`, `make soak`, `make bench`; see CONTRIBUTING.md.
VENV := .venv
BIN := $(VENV)/bin
INPUTS := pyproject.toml constraints.txt
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet --constraint constraints.txt

.PHONY: demo test check format faults fuzz soak bench install uninstall clean

# Where `make install` puts the program; DESTDIR, if set, stands for the root.
PREFIX := /usr/local

# Time that fuzzing takes, all targets together.
SECONDS := 900

demo: $(VENV)/.runtime
	@$(BIN)/pointillist demo --out runs/demo --replace

test: $(VENV)/.tests
	@$(BIN)/python -m pytest --numprocesses auto --dist loadfile --no-loadscope-reorder

check: $(VENV)/.tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/.tests
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

faults: $(VENV)/.tests
	@$(BIN)/python -m pytest -m campaign
	@$(BIN)/python -m pytest -m hypothesis --hypothesis-profile thorough

fuzz: $(VENV)/.fuzz
	@$(BIN)/python -m tools.fuzz --seconds $(SECONDS)

soak: $(VENV)/.runtime
	@$(BIN)/python -m tools.bench soak
	@$(BIN)/python -m tools.bench ten-hours

bench: $(VENV)/.runtime
	@$(BIN)/python -m tools.bench link

install:
	@DESTDIR='$(DESTDIR)' sh tools/install/install.sh '$(PREFIX)' .

uninstall:
	@DESTDIR='$(DESTDIR)' sh tools/install/uninstall.sh '$(PREFIX)'

$(VENV)/.runtime: $(INPUTS) tools/setup/prepare.sh
	@sh tools/setup/prepare.sh $(VENV)
	@echo "Installing Pointillist and what it needs into $(VENV)/ ..."
	@$(PIP) --editable .
	@touch $@

$(VENV)/.tests: $(VENV)/.runtime tools/setup/compiler.sh tools/setup/browser.sh
	@sh tools/setup/compiler.sh
	@sh tools/setup/browser.sh
	@echo "Installing what tests and training need into $(VENV)/ ..."
	@$(PIP) --editable '.[test,train,readers,rivals]'
	@$(PIP) --editable '.[peers]' || echo "PyMca5 cannot be had here: what is held against it is skipped"
	@$(PIP) --editable '.[browser]' || echo "Playwright cannot be had here: what drives the page in a browser is skipped"
	@touch $@

$(VENV)/.fuzz: $(VENV)/.runtime tools/setup/compiler.sh
	@sh tools/setup/compiler.sh
	@echo "Installing what fuzzing needs into $(VENV)/ ..."
	@$(PIP) --editable '.[fuzz]'
	@touch $@

clean:
	rm -rf $(VENV) runs build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
