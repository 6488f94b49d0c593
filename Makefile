# Two commands on a fresh Debian or Ubuntu machine with Rust, make and git: `make run` and `make test`.

.DEFAULT_GOAL := help

# Where `make install` puts things.
PREFIX ?= /usr/local
DESTDIR ?=
BINDIR = $(PREFIX)/bin
UNITDIR = $(PREFIX)/lib/systemd/system
DOCDIR = $(PREFIX)/share/doc/dnsflow
DATADIR = $(PREFIX)/share/dnsflow
MANDIR = $(PREFIX)/share/man
BASHDIR = $(PREFIX)/share/bash-completion/completions
ZSHDIR = $(PREFIX)/share/zsh/site-functions
FISHDIR = $(PREFIX)/share/fish/vendor_completions.d

# What `make run` does: packets in its sample, cores, and options for dnsflow besides.
COUNT ?= 20
CORES ?= auto
OPTIONS ?=

TARGET := $(or $(CARGO_TARGET_DIR),target)
RELEASE = $(TARGET)/release
PROGRAMS = dnsflow dnsflow-read dnsflow-gen
PACKAGES = --package dnsflow --package dnsflow-read --package dnsflow-generate
COLLECTING = --package dnsflow-collect --package dnsflow-name --package dnsflow-query --package dnsflow-top
CARGO_HOME ?= $(HOME)/.cargo
SUDO = $(if $(filter 0,$(shell id -u)),,sudo)

.PHONY: help
help: ## Say what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-17s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo
	@echo "make run IF=eth0 captures live; COUNT=, CORES= and OPTIONS= change what make run does."

.PHONY: setup
setup: ## Install what building and testing need, if it is missing
	@.ci/setup test

.PHONY: build
build: programs ## Build the programs, optimised, into target/release, and their pages
	cargo build --release --package dnsflow-packages --bins
	@rm -rf $(RELEASE)/pages
	@$(DATED) $(RELEASE)/dnsflow-pages $(RELEASE)/pages

.PHONY: programs
programs:
	@.ci/setup build
	cargo build --release $(PACKAGES) --bins

.PHONY: collect
collect: ## Build the collector and what asks it, optimised, into target/release; the sensor needs none of it
	@.ci/setup build
	cargo build --release $(COLLECTING) --bins

# The date of manual pages, and of files in packages: that of the last commit.
DATED = SOURCE_DATE_EPOCH=$${SOURCE_DATE_EPOCH:-$$(git log -1 --format=%ct 2>/dev/null || date +%s)}

.PHONY: run
run: programs ## See it work: a sample capture of the project's own, or live with IF=eth0
ifdef IF
	$(SUDO) $(RELEASE)/dnsflow --interface $(IF) --cores $(CORES) --print $(OPTIONS)
else
	$(RELEASE)/dnsflow-gen --write $(TARGET)/sample.pcap --count $(COUNT) \
		--noise 20 --cname-depth 2 --addresses 3 --seed 3
	$(RELEASE)/dnsflow --read $(TARGET)/sample.pcap --cores $(CORES) --print $(OPTIONS)
endif

# Of the whole workspace, and by no other command before: what is built for some of its packages has other features
# of their dependencies, and would be built twice. The programs are built with the tests.
.PHONY: test
test: setup ## Run every test; as root, or those that capture live are skipped
	cargo test --workspace --no-fail-fast
	@[ "$$(id -u)" = 0 ] || echo "make test: not root: live tests were skipped; 'make test-live' runs them with sudo"

.PHONY: test-live
test-live: setup ## Run the sensor's tests with sudo, and let none be skipped
	cargo build $(PACKAGES) --bins
	CARGO_TARGET_$(HOST)_RUNNER="$(SUDO) env CI=true" cargo test --package dnsflow --tests --no-fail-fast

.PHONY: test-system
test-system: setup-system packages ## Test packages and service under systemd in namespaces; takes minutes, needs root
	$(DATED) $(CARGO_TOOLS)/bin/cargo-deb deb --package dnsflow --no-build --no-strip --fast --quiet \
		--deb-version 1.99.0-1 --output $(TARGET)/packages/older/
	@[ -e $(TARGET)/system/root/complete ] || { rm -rf $(TARGET)/system && install -d $(TARGET)/system && \
		$(SUDO) debootstrap --variant=minbase --include=$(MACHINE) $(DEBIAN) $(TARGET)/system/root && \
		$(SUDO) touch $(TARGET)/system/root/complete; }
	cargo test --workspace --no-run
	CARGO_TARGET_$(HOST)_RUNNER="$(SUDO) env CI=true CARGO_HOME=$(CARGO_HOME)" cargo test --workspace --test system --no-fail-fast
	CI=true cargo test --workspace --test clickhouse_engine --no-fail-fast
	cargo clippy --package dnsflow-collect --all-targets --features kafka,tls -- -D warnings
	CI=true cargo test --package dnsflow-collect --features kafka,tls --test kafka --test nats --no-fail-fast

.PHONY: setup-system
setup-system:
	@.ci/setup system

# What the service is tested on.
DEBIAN ?= $(shell . /etc/os-release && echo $${VERSION_CODENAME:-stable})
MACHINE = systemd,systemd-sysv,dbus,libpcap0.8,iproute2

HOST = $(shell rustc -vV | sed -n 's/^host: //p' | tr a-z- A-Z_)

# What `make bench` and the others are given besides, such as --rounds 9, --peer 'COMMAND {file}' or
# --readme benches/README.md, which puts the results there.
BENCH ?=

.PHONY: bench
bench: programs ## Measure on a capture file beside tcpdump and others: table, JSON and plot in target/bench
	cargo build --release --package dnsflow-benches --bins
	$(RELEASE)/bench-offline $(BENCH)

.PHONY: bench-live
bench-live: programs ## Measure live, in network namespaces, beside tcpdump; takes minutes, needs root
	cargo build --release --package dnsflow-benches --bins
	$(SUDO) $(RELEASE)/bench-live $(BENCH)

.PHONY: bench-floods
bench-floods: programs ## Measure what packets that a stranger makes can cost; fails if one is over its limit
	cargo build --release --package dnsflow-benches --bins
	$(RELEASE)/bench-floods $(BENCH)

.PHONY: bench-floods-live
bench-floods-live: programs ## Send the worst of them beside ordinary traffic; fails if any of that is lost; needs root
	cargo build --release --package dnsflow-benches --bins
	$(SUDO) $(RELEASE)/bench-floods --live $(BENCH)

# Responses that the collector is measured with.
RESPONSES ?= 1000000

.PHONY: bench-collect
bench-collect: programs ## Measure the collector: what a record costs in each store; BENCH='--to URL' for one with a server
	install -d $(TARGET)/bench
	$(RELEASE)/dnsflow-gen --write $(TARGET)/bench/responses.pcap --count $(RESPONSES)
	$(RELEASE)/dnsflow --read $(TARGET)/bench/responses.pcap --write $(TARGET)/bench/v4.pcap --format v4
	$(RELEASE)/dnsflow --read $(TARGET)/bench/responses.pcap --write $(TARGET)/bench/v5.pcap --format v5
	cargo bench --package dnsflow-collect --bench stores -- $(abspath $(TARGET))/bench/v4.pcap $(abspath $(TARGET))/bench/v5.pcap $(BENCH)

# Flow records that dnsflow-name is measured with.
FLOWS ?= 500000

.PHONY: bench-name
bench-name: ## Measure dnsflow-name: what a flow record costs in each format, named from memory
	FLOWS=$(FLOWS) cargo bench --package dnsflow-name --bench flows

# Captures, or folders of them, whose flows are named; traffic of many clients is made if there are none.
CAPTURES ?=

.PHONY: bench-accuracy
bench-accuracy: setup programs ## Hold the names of flows against those that the flows tell; CAPTURES='DIR' takes others' captures
	cargo build --release --package dnsflow-name --package dnsflow-benches --bin dnsflow-name --bin bench-accuracy
	$(RELEASE)/bench-accuracy $(CAPTURES)

# Rows of a day of names in which the look-ups of `make bench-query` are measured.
ROWS ?= 10000000

.PHONY: bench-query
bench-query: setup ## Measure look-ups in Parquet files beside DuckDB; ROWS=100000000 takes 2 GB and stays in target/bench
	install -d $(TARGET)/bench
	cargo bench --package dnsflow-archive --bench lookup -- $(abspath $(TARGET))/bench/names-$(ROWS) $(ROWS)

# Seconds that each fuzz target gets; which targets; none or address; options of libFuzzer besides.
TIME ?= 60
TARGETS ?=
SANITIZER ?= none
FUZZ_OPTIONS ?=

.PHONY: fuzz
fuzz: ## Replay the fuzz corpus, then fuzz each target for TIME seconds; or those of TARGETS='wire read'
	@.ci/setup fuzz
	@$(call cargo_tool,cargo-fuzz,$(CARGO_FUZZ),--debug)
	PATH="$(abspath $(CARGO_TOOLS))/bin:$$PATH" SANITIZER=$(SANITIZER) FUZZ_OPTIONS='$(FUZZ_OPTIONS)' fuzz/run $(TIME) $(TARGETS)

.PHONY: fuzz-seeds
fuzz-seeds: ## Write inputs for fuzzing to start from into target/fuzz/corpus, of the project's captures and messages
	cargo run --manifest-path fuzz/Cargo.toml --target-dir $(TARGET)/fuzz-seeds --example seeds $(TARGET)/fuzz/corpus

# Cases of each property test under Miri, which runs a thousand times slower than the machine.
MIRI_CASES ?= 4

.PHONY: miri
miri: ## Run the tests of wire and packet under Miri; needs a nightly Rust that has it
	@cargo +nightly miri --version > /dev/null 2>&1 || { \
		echo "make miri: there is no Miri: 'rustup toolchain install nightly --component miri,rust-src' installs it" >&2; exit 1; }
	MIRIFLAGS=-Zmiri-disable-isolation PROPTEST_CASES=$(MIRI_CASES) \
		cargo +nightly miri test --target-dir $(TARGET)/miri --package dnsflow-wire --package dnsflow-packet

ASAN = RUSTC_BOOTSTRAP=1 RUSTFLAGS=-Zsanitizer=address CARGO_TARGET_DIR=$(TARGET)/asan cargo
ASAN_TARGET = --target $(shell rustc -vV | sed -n 's/^host: //p')

# A test that limits address space, of which the sanitizer reserves terabytes.
NOT_WITH_ASAN = sockets_for_which_there_is_no_memory

.PHONY: asan
asan: ## Run the live tests with AddressSanitizer; needs root
	$(ASAN) build $(ASAN_TARGET) --package dnsflow-generate --package dnsflow-read
	$(ASAN) test $(ASAN_TARGET) --package dnsflow-sys --package dnsflow --lib --test live -- --skip $(NOT_WITH_ASAN)

.PHONY: lint
lint: setup ## Check format, lints, documentation and that Cargo.lock is up to date
	cargo metadata --locked --format-version 1 > /dev/null
	cargo fmt --all --check
	cargo fmt --manifest-path fuzz/Cargo.toml --check
	cargo clippy --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps
	@$(call cargo_tool,cargo-deny,$(CARGO_DENY),--debug)
	cargo fetch --locked --quiet
	$(DENY) --deny unnecessary-skip --deny unmatched-skip bans licenses sources
	@if ls -d $(ADVISORIES)/*/ > /dev/null 2>&1; then $(DENY) advisories; \
		else echo "make lint: advisories were not checked: no database in $(ADVISORIES); 'cargo deny fetch db' gets one"; fi

DENY = $(CARGO_TOOLS)/bin/cargo-deny --offline check --hide-inclusion-graph
# Where cargo-deny keeps advisory databases.
ADVISORIES = $(CARGO_HOME)/advisory-dbs

# How long `make soak` takes.
MINUTES ?= 10

.PHONY: soak
soak: build ## Run the sensor for MINUTES=10 under everything at once; fails if it loses or leaks; needs root
	cargo build --release --package dnsflow-benches --bins
	$(SUDO) $(RELEASE)/soak --minutes $(MINUTES) $(BENCH)

.PHONY: install
install: ## Install programs, pages, completions, units and defaults; PREFIX and DESTDIR say where
	@[ -d $(RELEASE)/pages ] || { echo "make install: run 'make build' first, as yourself" >&2; exit 1; }
	install -d $(DESTDIR)$(BINDIR) $(DESTDIR)$(DOCDIR) $(DESTDIR)/etc/default $(DESTDIR)/etc/dnsflow
	install $(INSTALL_OPTIONS) -m 755 $(PROGRAMS:%=$(RELEASE)/%) $(DESTDIR)$(BINDIR)
	$(foreach unit,$(UNITS),sed 's|/usr/bin/dnsflow|$(BINDIR)/dnsflow|' systemd/$(unit) | \
		install -D -m 644 /dev/stdin $(DESTDIR)$(UNITDIR)/$(unit) &&) :
	$(foreach page,$(PAGES),install -D -m 644 $(RELEASE)/pages/man/$(page) $(DESTDIR)$(MANDIR)/$(page) &&) :
	$(foreach name,$(PROGRAMS),$(call completions,$(name)) &&) :
	install -m 644 $(DOCUMENTS) $(DESTDIR)$(DOCDIR)
	install -D -m 644 -t $(DESTDIR)$(DOCDIR)/monitoring $(MONITORING)
	install -D -m 644 -t $(DESTDIR)$(DATADIR)/wireshark tools/wireshark/dnsflow.lua
	[ -e $(DESTDIR)/etc/default/dnsflow ] || install -m 644 systemd/dnsflow.default $(DESTDIR)/etc/default/dnsflow
	[ -e $(DESTDIR)/etc/dnsflow/dnsflow.toml ] || install -m 644 systemd/dnsflow.toml $(DESTDIR)/etc/dnsflow

UNITS = dnsflow.service dnsflow@.service
DOCUMENTS = README.md CHANGELOG.md LICENSE LICENSE-APACHE LICENSE-MIT docs/operators.md docs/glossary.md docs/dnsflow.svg
MONITORING = monitoring/README.md monitoring/dnsflow.rules.yml monitoring/dnsflow.dashboard.json
PAGES = $(patsubst $(RELEASE)/pages/man/%,%,$(wildcard $(RELEASE)/pages/man/man?/*))
completions = install -D -m 644 $(RELEASE)/pages/completions/bash/$(1).bash $(DESTDIR)$(BASHDIR)/$(1) && \
	install -D -m 644 $(RELEASE)/pages/completions/zsh/_$(1) $(DESTDIR)$(ZSHDIR)/_$(1) && \
	install -D -m 644 $(RELEASE)/pages/completions/fish/$(1).fish $(DESTDIR)$(FISHDIR)/$(1).fish

.PHONY: uninstall
uninstall: ## Remove what install put there, but for /etc/default and /etc/dnsflow
	rm -f $(PROGRAMS:%=$(DESTDIR)$(BINDIR)/%) $(UNITS:%=$(DESTDIR)$(UNITDIR)/%)
	rm -f $(DESTDIR)$(MANDIR)/man?/dnsflow.* $(DESTDIR)$(MANDIR)/man?/dnsflow-*.?
	rm -f $(PROGRAMS:%=$(DESTDIR)$(BASHDIR)/%) $(PROGRAMS:%=$(DESTDIR)$(ZSHDIR)/_%) $(PROGRAMS:%=$(DESTDIR)$(FISHDIR)/%.fish)
	rm -rf $(DESTDIR)$(DOCDIR) $(DESTDIR)$(DATADIR)

# These tools take minutes to build, so they stay where they are, and share what they are built of. Those that have
# little to do are not optimised, which takes a third of the time.
CARGO_ABOUT = 0.9.3
CARGO_DEB = 3.8.0
CARGO_DENY = 0.20.2
CARGO_FUZZ = 0.13.2
CARGO_TOOLS = $(TARGET)/cargo-tools
cargo_tool = $(CARGO_TOOLS)/bin/$(1) --version 2>/dev/null | grep -qx '$(1) $(2)' || \
	cargo install --locked --root $(CARGO_TOOLS) --target-dir $(CARGO_TOOLS)/build $(1)@$(2) $(3)
# What is installed, as packages take it from there.
STAGED = $(RELEASE)/staged
VERSION = $(shell sed -n 's/^version = "\(.*\)"$$/\1/p' Cargo.toml)
# The licences of all that is linked into the programs of a crate: its folder, its name.
third_party = $(CARGO_TOOLS)/bin/cargo-about generate --fail --frozen --manifest-path $(1)/Cargo.toml \
	--config packages/licenses/about.toml --output-file $(STAGED)/third-party/$(2).txt packages/licenses/text.hbs

.PHONY: packages
packages: build ## Build a .deb and an .rpm into target/packages
	@.ci/setup packages
	@$(call cargo_tool,cargo-deb,$(CARGO_DEB),--debug)
	@$(call cargo_tool,cargo-about,$(CARGO_ABOUT),--features cli)
	rm -rf $(STAGED)
	$(MAKE) --no-print-directory --silent install INSTALL_OPTIONS=-s DESTDIR=$(STAGED) PREFIX=/usr
	gzip --best --no-name $(STAGED)/usr/share/man/man?/*
	gzip --best --no-name --stdout CHANGELOG.md > $(STAGED)/changelog.gz
	cargo fetch --locked --quiet
	install -d $(STAGED)/third-party
	$(call third_party,engine,dnsflow)
	$(call third_party,tools/read,dnsflow-read)
	$(call third_party,tools/generate,dnsflow-generate)
	gzip --best --no-name $(STAGED)/third-party/*
	install -d $(TARGET)/packages
	$(DATED) $(CARGO_TOOLS)/bin/cargo-deb deb --package dnsflow --no-build --no-strip --output $(TARGET)/packages/ $(DEB)
	$(DATED) rpmbuild -bb --quiet --define '_topdir $(abspath $(RELEASE)/rpmbuild)' --define '_rpmdir $(abspath $(TARGET)/packages)' \
		--define '_rpmfilename %{NAME}-%{VERSION}-%{RELEASE}.%{ARCH}.rpm' --define 'staged $(abspath $(STAGED))' \
		--define 'scripts $(abspath packages/rpm)' --define 'version $(VERSION)' $(RPM) packages/rpm/dnsflow.spec

.PHONY: clean
clean: ## Remove what was built
	cargo clean
