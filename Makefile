# Two commands on a fresh Debian or Ubuntu machine with Rust, make and git: `make run` and `make test`.

.DEFAULT_GOAL := help

# Where `make install` puts things.
PREFIX ?= /usr/local
DESTDIR ?=
BINDIR = $(PREFIX)/bin
UNITDIR = $(PREFIX)/lib/systemd/system
DOCDIR = $(PREFIX)/share/doc/dnsflow

# What `make run` does: packets in its sample, cores, and options for dnsflow besides.
COUNT ?= 20
CORES ?= auto
OPTIONS ?=

TARGET := $(or $(CARGO_TARGET_DIR),target)
RELEASE = $(TARGET)/release
PROGRAMS = dnsflow dnsflow-read dnsflow-gen
PACKAGES = --package dnsflow --package dnsflow-tools
SUDO = $(if $(filter 0,$(shell id -u)),,sudo)

.PHONY: help
help: ## Say what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo
	@echo "make run IF=eth0 captures live; COUNT=, CORES= and OPTIONS= change what make run does."

.PHONY: setup
setup: ## Install what building and testing need, if it is missing
	@.ci/setup test

.PHONY: build
build: ## Build the programs, optimised, into target/release
	@.ci/setup build
	cargo build --release $(PACKAGES) --bins

.PHONY: run
run: build ## See it work: a sample capture of the project's own, or live with IF=eth0
ifdef IF
	$(SUDO) $(RELEASE)/dnsflow --interface $(IF) --cores $(CORES) --print $(OPTIONS)
else
	$(RELEASE)/dnsflow-gen --write $(TARGET)/sample.pcap --count $(COUNT) \
		--noise 20 --cname-depth 2 --addresses 3 --seed 3
	$(RELEASE)/dnsflow --read $(TARGET)/sample.pcap --cores $(CORES) --print $(OPTIONS)
endif

.PHONY: test
test: setup ## Run every test; as root, or those that capture live are skipped
	cargo build $(PACKAGES) --bins
	cargo test --workspace --no-fail-fast
	@[ "$$(id -u)" = 0 ] || echo "make test: not root: live tests were skipped; 'make test-live' runs them with sudo"

.PHONY: test-live
test-live: setup ## Run the sensor's tests with sudo, and let none be skipped
	cargo build $(PACKAGES) --bins
	CARGO_TARGET_$(HOST)_RUNNER="$(SUDO) env CI=true" cargo test --package dnsflow --tests --no-fail-fast

HOST = $(shell rustc -vV | sed -n 's/^host: //p' | tr a-z- A-Z_)

# What `make bench` and `make bench-live` are given besides, such as --rounds 9, --peer 'COMMAND {file}' or
# --readme benches/README.md, which puts the results there.
BENCH ?=

.PHONY: bench
bench: build ## Measure on a capture file beside tcpdump and others: table, JSON and plot in target/bench
	cargo build --release --package dnsflow-benches --bins
	$(RELEASE)/bench-offline $(BENCH)

.PHONY: bench-live
bench-live: build ## Measure live, in network namespaces, beside tcpdump; takes minutes, needs root
	cargo build --release --package dnsflow-benches --bins
	$(SUDO) $(RELEASE)/bench-live $(BENCH)

.PHONY: lint
lint: setup ## Check format, lints, documentation and that Cargo.lock is up to date
	cargo metadata --locked --format-version 1 > /dev/null
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps

.PHONY: install
install: ## Install programs, unit and defaults; PREFIX and DESTDIR say where
	@[ -x $(RELEASE)/dnsflow ] || { echo "make install: run 'make build' first, as yourself" >&2; exit 1; }
	install -d $(DESTDIR)$(BINDIR) $(DESTDIR)$(UNITDIR) $(DESTDIR)$(DOCDIR) $(DESTDIR)/etc/default
	install -m 755 $(PROGRAMS:%=$(RELEASE)/%) $(DESTDIR)$(BINDIR)
	sed 's|/usr/bin/dnsflow|$(BINDIR)/dnsflow|' systemd/dnsflow.service > $(DESTDIR)$(UNITDIR)/dnsflow.service
	chmod 644 $(DESTDIR)$(UNITDIR)/dnsflow.service
	install -m 644 README.md CHANGELOG.md LICENSE LICENSE-APACHE LICENSE-MIT docs/operators.md $(DESTDIR)$(DOCDIR)
	[ -e $(DESTDIR)/etc/default/dnsflow ] || install -m 644 systemd/dnsflow.default $(DESTDIR)/etc/default/dnsflow

.PHONY: uninstall
uninstall: ## Remove what install put there, but for /etc/default/dnsflow
	rm -f $(PROGRAMS:%=$(DESTDIR)$(BINDIR)/%) $(DESTDIR)$(UNITDIR)/dnsflow.service
	rm -rf $(DESTDIR)$(DOCDIR)

.PHONY: clean
clean: ## Remove what was built
	cargo clean
