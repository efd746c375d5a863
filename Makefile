# make demo   a server, and a login from Python, Node and Rust in turn
# make test   every test in every language
# make lint   format, lint and type checks, licences; advisories are looked up by the workflow CI
# make docs   the documentation as a site, in target/site, without a dead link
# make screenshots   the pictures in it; needs Chromium
# make bench  this beside what people use today; writes docs/performance.md
# make fuzz   any bytes at all as a server's answer, for FUZZ_SECONDS (30); needs a C++ compiler
#
# Needs Rust, Python 3.10+ and Node 20+; everything else is installed into this folder.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

FUZZ_SECONDS ?= 30

.PHONY: demo test lint docs screenshots bench fuzz python node clean

demo: python node
	PYTHON=$(BIN)/python examples/demo.sh

test: python node
	$(BIN)/python tests/run.py

lint: python node $(VENV)/installed-docs
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --quiet
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	npx --no-install pyright
	npm run --silent check
	npm run --silent check:package
	$(BIN)/python tests/version.py
	PATH="$(CURDIR)/$(BIN):$$PATH" cargo deny --log-level error check licenses bans sources

# The reference comes from the code: mkdocs reads Python's, typedoc and rustdoc write theirs.
docs: python $(VENV)/installed-docs docs/tools/node_modules/.package-lock.json
	rm -rf target/reference
	docs/tools/node_modules/.bin/typedoc --options docs/tools/typedoc.json --logLevel Warn
	cargo clean --quiet --doc
	RUSTDOCFLAGS="-D warnings" cargo doc --no-deps --quiet --lib -p verigator -p verigator-server
	cp -r target/doc target/reference/rust
	cp docs/tools/rust.html target/reference/rust/index.html
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict
	$(BIN)/python docs/tools/links.py target/site

screenshots: python
	PYTHONPATH=tests $(BIN)/python docs/tools/screenshots.py

# Release builds, in target/: the development builds stay as they are.
bench: $(VENV)/installed node_modules/.package-lock.json
	$(BIN)/python benches/bench.py $(SECTIONS)

# Without a sanitizer, stable Rust and no unsafe code need no other toolchain.
fuzz: target/tools/bin/cargo-fuzz
	mkdir -p core/fuzz/corpus/answers
	cd core && RUSTC_BOOTSTRAP=1 PATH="$(CURDIR)/target/tools/bin:$$PATH" \
	  cargo fuzz run --sanitizer none answers fuzz/corpus/answers fuzz/seeds/answers -- \
	  -max_total_time=$(FUZZ_SECONDS) -print_final_stats=1

target/tools/bin/cargo-fuzz:
	cargo install --quiet --locked --root target/tools cargo-fuzz@0.13.2

# The extensions are built in the development profile: it shares its dependencies with the tests.
python: $(VENV)/installed
	$(BIN)/maturin develop --quiet --locked

node: node_modules/.package-lock.json
	npm run --silent build:debug
	npm run --silent release:collect -- bindings-node/native --some

$(VENV)/installed: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1"
	$(BIN)/python -m pip install --quiet --group dev --group lint
	touch $@

$(VENV)/installed-docs: $(VENV)/installed
	$(BIN)/python -m pip install --quiet --group docs
	touch $@

docs/tools/node_modules/.package-lock.json: docs/tools/package.json docs/tools/package-lock.json
	cd docs/tools && npm ci --silent --no-audit --no-fund

node_modules/.package-lock.json: package.json package-lock.json
	npm ci --silent --no-audit --no-fund

clean:
	rm -rf target $(VENV) node_modules docs/tools/node_modules bindings-node/native bindings-python/python/verigator/*.so
