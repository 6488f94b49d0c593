# Two commands on a fresh Debian or Ubuntu machine with Rust, make and git: `make run` and `make test`.

.DEFAULT_GOAL := help

# Where `make install` puts things.
PREFIX ?= /usr/local
DESTDIR ?=
BINDIR = $(PREFIX)/bin
UNITDIR = $(PREFIX)/lib/systemd/system
DOCDIR = $(PREFIX)/share/doc
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
COLLECT_PROGRAMS = dnsflow-collect dnsflow-name dnsflow-query dnsflow-top
COLLECT_PACKAGES = $(COLLECT_PROGRAMS:%=--package %)
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
build: programs ## Build the sensor's programs, optimised, into target/release, and their pages
	$(call pages,sensor,pages)

# Writes the pages of the programs of one package, for which nothing of the other is built: its feature, the folder.
define pages
cargo build --release --package dnsflow-packages --no-default-features --features $(1) --bins
@rm -rf $(RELEASE)/$(2)
@$(DATED) $(RELEASE)/dnsflow-pages $(RELEASE)/$(2)
endef

.PHONY: programs
programs:
	@.ci/setup build
	cargo build --release $(PACKAGES) --bins

.PHONY: collect
collect: ## Build the collector, what asks it, and their pages, likewise; the sensor needs none of it
	@.ci/setup build
	cargo build --release $(COLLECT_PACKAGES) --bins
	$(call pages,collector,pages-collect)

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
test-system: setup-system packages packages-collect ## Test packages and service under systemd in namespaces; takes minutes, needs root
	$(call deb,dnsflow) --fast --quiet --deb-version 1.99.0-1 --output $(TARGET)/packages/older/
	$(call deb,dnsflow-collect) --fast --quiet --deb-version 1.99.0-1 --output $(TARGET)/packages/older/
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
install: ## Install the sensor's programs, pages, completions, units and defaults; PREFIX and DESTDIR say where
	$(call is_built,pages,make build)
	$(call install,pages,$(PROGRAMS),$(UNITS))
	install -d $(DESTDIR)$(DOCDIR)/dnsflow $(DESTDIR)/etc/default $(DESTDIR)/etc/dnsflow
	install -m 644 $(DOCUMENTS) $(DESTDIR)$(DOCDIR)/dnsflow
	install -D -m 644 -t $(DESTDIR)$(DOCDIR)/dnsflow/monitoring $(MONITORING)
	install -D -m 644 -t $(DESTDIR)$(DATADIR)/wireshark tools/wireshark/dnsflow.lua
	[ -e $(DESTDIR)/etc/default/dnsflow ] || install -m 644 systemd/dnsflow.default $(DESTDIR)/etc/default/dnsflow
	[ -e $(DESTDIR)/etc/dnsflow/dnsflow.toml ] || install -m 644 systemd/dnsflow.toml $(DESTDIR)/etc/dnsflow

.PHONY: install-collect
install-collect: ## Install the collector and what asks it, in the same manner; needs nothing of the sensor
	$(call is_built,pages-collect,make collect)
	$(call install,pages-collect,$(COLLECT_PROGRAMS),$(COLLECT_UNITS))
	install -d $(DESTDIR)$(DOCDIR)/dnsflow-collect $(DESTDIR)/etc/dnsflow
	install -m 644 $(COLLECT_DOCUMENTS) $(DESTDIR)$(DOCDIR)/dnsflow-collect
	install -D -m 644 -t $(DESTDIR)$(DOCDIR)/dnsflow-collect/monitoring $(COLLECT_MONITORING)
	[ -e $(DESTDIR)/etc/dnsflow/dnsflow-collect.toml ] || install -m 644 systemd/dnsflow-collect.toml $(DESTDIR)/etc/dnsflow

UNITS = dnsflow.service dnsflow@.service
COLLECT_UNITS = dnsflow-collect.service
LEGAL = CHANGELOG.md LICENSE LICENSE-APACHE LICENSE-MIT
DOCUMENTS = README.md $(LEGAL) docs/operators.md docs/glossary.md docs/dnsflow.svg
COLLECT_DOCUMENTS = $(LEGAL) docs/collector.md docs/collector.svg docs/fields.md docs/flows.md docs/glossary.md \
	docs/naming.md docs/query.md docs/top.md
MONITORING = monitoring/README.md monitoring/dnsflow.rules.yml monitoring/dnsflow.dashboard.json
COLLECT_MONITORING = monitoring/README.md monitoring/dnsflow-collect.rules.yml monitoring/dnsflow-collect.json

# Where pages are, and what builds them.
is_built = @[ -d $(RELEASE)/$(1) ] || { echo "$@: run '$(2)' first, as yourself" >&2; exit 1; }

# What both have: the folder of pages, programs, units.
define install
install -d $(DESTDIR)$(BINDIR)
install $(INSTALL_OPTIONS) -m 755 $(2:%=$(RELEASE)/%) $(DESTDIR)$(BINDIR)
$(foreach unit,$(3),sed 's|/usr/bin/dnsflow|$(BINDIR)/dnsflow|' systemd/$(unit) | \
	install -D -m 644 /dev/stdin $(DESTDIR)$(UNITDIR)/$(unit) &&) :
$(foreach page,$(wildcard $(RELEASE)/$(1)/man/man?/*),install -D -m 644 $(page) \
	$(DESTDIR)$(MANDIR)/$(page:$(RELEASE)/$(1)/man/%=%) &&) :
$(foreach name,$(2),$(call completions,$(1),$(name)) &&) :
endef
completions = install -D -m 644 $(RELEASE)/$(1)/completions/bash/$(2).bash $(DESTDIR)$(BASHDIR)/$(2) && \
	install -D -m 644 $(RELEASE)/$(1)/completions/zsh/_$(2) $(DESTDIR)$(ZSHDIR)/_$(2) && \
	install -D -m 644 $(RELEASE)/$(1)/completions/fish/$(2).fish $(DESTDIR)$(FISHDIR)/$(2).fish

.PHONY: uninstall
uninstall: ## Remove what install put there, but for /etc/default and /etc/dnsflow
	$(call uninstall,$(PROGRAMS),$(UNITS),dnsflow)
	rm -rf $(DESTDIR)$(DATADIR)

.PHONY: uninstall-collect
uninstall-collect: ## Remove what install-collect put there, but for /etc/dnsflow
	$(call uninstall,$(COLLECT_PROGRAMS),$(COLLECT_UNITS),dnsflow-collect)

# Programs, units, and the program with a configuration file, which is the name of the folder of documents.
define uninstall
rm -f $(1:%=$(DESTDIR)$(BINDIR)/%) $(2:%=$(DESTDIR)$(UNITDIR)/%)
rm -f $(1:%=$(DESTDIR)$(MANDIR)/man?/%.?) $(DESTDIR)$(MANDIR)/man5/$(3).toml.5
rm -f $(1:%=$(DESTDIR)$(BASHDIR)/%) $(1:%=$(DESTDIR)$(ZSHDIR)/_%) $(1:%=$(DESTDIR)$(FISHDIR)/%.fish)
rm -rf $(DESTDIR)$(DOCDIR)/$(3)
endef

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
COLLECT_STAGED = $(RELEASE)/staged-collect
VERSION = $(shell sed -n 's/^version = "\(.*\)"$$/\1/p' Cargo.toml)

.PHONY: packages
packages: build packaging ## Build a .deb and an .rpm of the sensor into target/packages
	$(call stage,install,$(STAGED))
	$(call third_party,engine,$(STAGED),dnsflow)
	$(call third_party,tools/read,$(STAGED),dnsflow-read)
	$(call third_party,tools/generate,$(STAGED),dnsflow-generate)
	$(call pack,dnsflow,$(STAGED))

.PHONY: packages-collect
packages-collect: collect packaging ## Build those of the collector and what asks it
	$(call stage,install-collect,$(COLLECT_STAGED))
	$(foreach program,collect name query top,$(call third_party,tools/$(program),$(COLLECT_STAGED),dnsflow-$(program)) &&) :
	$(call pack,dnsflow-collect,$(COLLECT_STAGED))

.PHONY: packaging
packaging:
	@.ci/setup packages
	@$(call cargo_tool,cargo-deb,$(CARGO_DEB),--debug)
	@$(call cargo_tool,cargo-about,$(CARGO_ABOUT),--features cli)

# Installs by a target of this file, into a folder.
define stage
rm -rf $(2)
$(MAKE) --no-print-directory --silent $(1) INSTALL_OPTIONS=-s DESTDIR=$(2) PREFIX=/usr
gzip --best --no-name $(2)/usr/share/man/man?/*
gzip --best --no-name --stdout CHANGELOG.md > $(2)/changelog.gz
cargo fetch --locked --quiet
install -d $(2)/third-party
endef

# The licences of all that is linked into the programs of a crate: its folder, where they belong, its name.
third_party = $(CARGO_TOOLS)/bin/cargo-about generate --fail --frozen --manifest-path $(1)/Cargo.toml \
	--config packages/licenses/about.toml --output-file $(2)/third-party/$(3).txt packages/licenses/text.hbs

# Makes both packages of a name from that folder.
define pack
gzip --best --no-name $(2)/third-party/*
install -d $(TARGET)/packages
$(call deb,$(1)) --output $(TARGET)/packages/ $(DEB)
$(DATED) rpmbuild -bb --quiet --define '_topdir $(abspath $(RELEASE)/rpmbuild)' --define '_rpmdir $(abspath $(TARGET)/packages)' \
	--define '_rpmfilename %{NAME}-%{VERSION}-%{RELEASE}.%{ARCH}.rpm' --define 'staged $(abspath $(2))' \
	--define 'scripts $(abspath packages/rpm)' --define 'version $(VERSION)' $(RPM) packages/rpm/$(1).spec
endef
deb = $(DATED) $(CARGO_TOOLS)/bin/cargo-deb deb --package $(1) --no-build --no-strip

.PHONY: clean
clean: ## Remove what was built
	cargo clean
