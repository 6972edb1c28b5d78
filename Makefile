# Central: make, make check, make demo, make install. See README.md.

PREFIX  ?= /usr/local
DESTDIR ?=
BUILD   ?= build

CC         ?= cc
PKG_CONFIG ?= pkg-config
OPTIMISE   ?= -O2 -g
WARNINGS    = -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wconversion -Wno-sign-conversion \
              -Wformat=2 -Wpointer-arith -Wwrite-strings
# _FORTIFY_SOURCE needs optimisation and does not go with the sanitizers (check-asan empties HARDENING).
HARDENING  ?= -D_FORTIFY_SOURCE=2 -fstack-protector-strong -fstack-clash-protection -fcf-protection -fPIE
HARDEN_LD  ?= -pie -Wl,-z,relro,-z,now -Wl,-z,noexecstack
SANITIZE   ?=

DATADIR = $(PREFIX)/share/central
CPPFLAGS += -Iinclude -D_GNU_SOURCE
CFLAGS   += -std=gnu11 $(OPTIMISE) $(WARNINGS) $(HARDENING) $(SANITIZE) \
            '-ffile-prefix-map=$(CURDIR)=.' -fno-common
LDFLAGS  += $(HARDEN_LD) $(SANITIZE) -Wl,--as-needed

# Libraries, by the noun that needs them. libjq and libcsv have no pkg-config file.
PACKAGES = libnats libcrypto libpq libcurl geos expat sqlite3 ncursesw
LIBS_bus     = $(shell $(PKG_CONFIG) --libs libnats libcrypto)
LIBS_db      = $(shell $(PKG_CONFIG) --libs libpq)
LIBS_http    = $(shell $(PKG_CONFIG) --libs libcurl)
LIBS_state   = $(shell $(PKG_CONFIG) --libs sqlite3)
LIBS_jq      = -ljq -lm
LIBS_screen  = $(shell $(PKG_CONFIG) --libs ncursesw)
LIBS_formats = $(shell $(PKG_CONFIG) --libs expat) -lcsv
CPPFLAGS    += $(shell $(PKG_CONFIG) --cflags libnats libpq libcurl expat)

# What each tool needs.
LIBS_central-adapter   = $(LIBS_http) $(LIBS_jq) $(LIBS_formats)
LIBS_central-archive   = $(LIBS_bus) $(LIBS_db) -lm
LIBS_central-changes   = $(LIBS_jq) $(LIBS_state)
LIBS_central-audit     = $(LIBS_bus) $(LIBS_db) $(LIBS_jq) $(LIBS_state) -lm
LIBS_central-commit    = $(LIBS_bus) $(LIBS_state) -lm
LIBS_central-fetch     = $(LIBS_http) $(LIBS_jq) $(LIBS_formats) $(LIBS_state)
LIBS_central-normalize = $(LIBS_jq)
LIBS_central-publish   = $(LIBS_bus) -lm
LIBS_central-query     = $(LIBS_db) -lm
LIBS_central-streams   = $(LIBS_bus) -lm
LIBS_central-subscribe = $(LIBS_bus) -lm
LIBS_central-top       = $(LIBS_bus) $(LIBS_db) $(LIBS_screen) -lm

TOOLS   := $(basename $(notdir $(wildcard cmd/*.c)))
SCRIPTS := $(filter-out %.c,$(notdir $(wildcard cmd/*)))
ADAPTERS := $(filter-out central,$(basename $(notdir $(wildcard lib/adapters/*.jq))))
MANUAL  := $(wildcard man/*.[157])
UNITS_C := $(wildcard tests/unit/*.c)
TESTS_C := $(UNITS_C:tests/unit/%.c=$(BUILD)/tests/%)
BENCH_C := $(patsubst tests/bench/%.c,$(BUILD)/bench/%,$(wildcard tests/bench/*.c))
FUZZERS := $(filter-out main,$(basename $(notdir $(wildcard tests/fuzz/*.c))))
FUZZ_C  := $(FUZZERS:%=$(BUILD)/tests/fuzz/%)
LIB     := $(BUILD)/libcentral.a
LIB_O   := $(patsubst %.c,$(BUILD)/%.o,$(sort $(wildcard lib/*.c)))

.PHONY: all tests check check-asan check-faults check-valgrind coverage check-operations fuzz fuzzers soak check-reproducible regen bench demo format lint install uninstall deb clean
.SECONDARY:

all: $(TOOLS:%=$(BUILD)/bin/%) $(SCRIPTS:%=$(BUILD)/bin/%)
tests: $(TESTS_C) $(FUZZ_C) $(BUILD)/tests/preload.so $(BUILD)/tests/consumer

# Nouns that stand on the same libraries come from one archive; the linker takes what a tool uses.
$(LIB): $(LIB_O)
	@rm -f $@
	$(AR) rcsD $@ $^

$(BUILD)/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/bin/%: $(BUILD)/cmd/%.o $(LIB)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $< $(LIB) $(LIBS_$*)

$(SCRIPTS:%=$(BUILD)/bin/%): $(BUILD)/bin/%: cmd/%
	@mkdir -p $(@D)
	install -m 755 $< $@

# What the tests need; some look at what the programs load when they need it (lib/geos.c).
LIBS_test = $(LIBS_bus) $(LIBS_db) $(LIBS_http) $(LIBS_jq) $(LIBS_formats) $(LIBS_state) -lgeos_c
$(BUILD)/tests/%: $(BUILD)/tests/unit/%.o $(LIB)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $< $(LIB) $(LIBS_test) $(shell $(PKG_CONFIG) --libs cmocka)

# A fuzzer's target: under clang (make fuzz) with libFuzzer, else with a main that runs it over files.
FUZZ_MAIN ?= $(BUILD)/tests/fuzz/main.o
FUZZ_LD   ?=
$(FUZZ_C): $(BUILD)/tests/fuzz/%: $(BUILD)/tests/fuzz/%.o $(FUZZ_MAIN) $(LIB)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(LDFLAGS) $(FUZZ_LD) -o $@ $< $(FUZZ_MAIN) $(LIB) $(LIBS_test)

# Knows the wire only: without our headers and our library.
$(BUILD)/tests/consumer: tests/consumer/consumer.c Makefile
	@mkdir -p $(@D)
	$(CC) -std=gnu11 $(OPTIMISE) $(WARNINGS) $(HARDENING) $(SANITIZE) $(HARDEN_LD) -o $@ $< $(LIBS_bus) -ljq

# Loaded in front of libc, where a sanitizer cannot be: never with SANITIZE or a program's hardening.
$(BUILD)/tests/preload.so: tests/faults/preload.c Makefile
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) -std=gnu11 $(OPTIMISE) $(WARNINGS) -fPIC -shared -o $@ $< -ldl

# What the tools are measured with and against.
$(BUILD)/bench/%: $(BUILD)/tests/bench/%.o $(LIB)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $< $(LIB) $(LIBS_bus) $(LIBS_db) -lm

check:
	tests/run --no-install

# The same suite with every read, write and shift watched.
check-asan:
	+$(MAKE) BUILD=build/asan HARDENING= HARDEN_LD= OPTIMISE='-O1 -g' \
	    SANITIZE='-fsanitize=address,undefined -fno-omit-frame-pointer -fno-sanitize-recover=undefined' all tests
	BUILD=build/asan tests/run --no-install

# Each tool over what it is for, and every adapter, with every access to memory watched.
check-valgrind:
	+$(MAKE) BUILD=build/valgrind HARDENING= HARDEN_LD= OPTIMISE='-O1 -g' SANITIZE=-DCENTRAL_UNCONFINED all tests
	tests/valgrind build/valgrind

# What the suite runs of lib and cmd, and what it never does.
coverage:
	+$(MAKE) BUILD=build/coverage HARDENING= HARDEN_LD= OPTIMISE='-O0 -g' \
	    SANITIZE='--coverage -fprofile-update=atomic -DCENTRAL_UNCONFINED' all tests
	tests/coverage zero build/coverage
	-BUILD=build/coverage tests/run --no-install
	tests/coverage report build/coverage

# The long form of tests/faults: so many kills of stages and of each server, SIGTERMs, kills at a system call; each call of each
# class failing (POINTS=0; so many of malloc); so much room on a disk, in KiB; so many places of each fault of a connection, and of
# them so many where the database falls silent; so many polls of an unchanged feed; so many
# events archived in any order.
KILLS         ?= 1000
SERVER_KILLS  ?= 100
TERMS         ?= 300
CALL_KILLS    ?= 300
IDS           ?= 800
POINTS        ?= 0
MALLOC_POINTS ?= 60
ROOMS         ?= 0 8 20 40 80 160 400 1600
CUTS          ?= 6
SILENT        ?= 3
POLLS         ?= 1000
EVENTS        ?= 100000
check-faults: all tests
	KILLS=$(KILLS) SERVER_KILLS=$(SERVER_KILLS) TERMS=$(TERMS) CALL_KILLS=$(CALL_KILLS) IDS=$(IDS) tests/faults/kills.t
	POINTS=$(POINTS) MALLOC_POINTS=$(MALLOC_POINTS) tests/faults/nth.t
	ROOMS='$(ROOMS)' tests/faults/disk.t
	CUTS=$(CUTS) SILENT=$(SILENT) tests/faults/network.t
	POLLS=$(POLLS) tests/tools/changes.t
	N=$(EVENTS) KILLS=10 tests/archive/shuffle.t

# Fuzzes each target of tests/fuzz so many seconds, JOBS at a time; a finding is kept in build/fuzz/findings.
SECONDS ?= 60
TARGETS ?= $(FUZZERS)
JOBS    ?= 1
CLANG   ?= clang-14
fuzz: all
	tests/fuzz/run -c $(CLANG) -j $(JOBS) -s $(SECONDS) $(TARGETS)

# For tests/fuzz/run: the targets with libFuzzer, in build/fuzz. (A warning of clang's own about what gcc takes for a constant.)
fuzzers:
	+$(MAKE) BUILD=build/fuzz CC=$(CLANG) HARDENING= HARDEN_LD= OPTIMISE='-O1 -g' FUZZ_MAIN= FUZZ_LD=-fsanitize=fuzzer \
	    SANITIZE='-fsanitize=fuzzer-no-link,address,undefined -fno-omit-frame-pointer -fno-sanitize-recover=undefined' \
	    $(TARGETS:%=build/fuzz/tests/fuzz/%)

# central-operations(7), followed word for word in a Debian 12 of its own; as root, see there what it needs.
check-operations: deb
	tests/operations/walk

# An hour of recorded feeds at speed, with faults; SEED=... repeats those of another run.
soak: SECONDS = 3600
soak: all
	tests/faults/soak $(SECONDS)

# Two builds of these sources, under other names, hours and languages, are the same to the last byte.
check-reproducible:
	tests/reproducible

# Golden cases of the adapters, written anew; read the diff before committing it.
regen: all
	$(BUILD)/bin/central-adapter check --regen
	tests/event-page >$(BUILD)/event-page
	cp $(BUILD)/event-page man/central-event.7

bench: all $(BENCH_C)
	tests/bench/run

demo:
	examples/demo

format:
	clang-format -i cmd/*.c lib/*.c include/central/*.h tests/*/*.c

# gcc -fanalyzer over all of it; what is no finding is answered here, by file.
ANALYSED = $(patsubst %.c,$(BUILD)/analysed/%.o,$(wildcard cmd/*.c lib/*.c))
# (iconv_t)-1 is nothing that was allocated.
UNANALYSED_lib/charset = -Wno-analyzer-malloc-leak
$(BUILD)/analysed/%.o: %.c Makefile
	@mkdir -p $(@D)
	gcc $(CPPFLAGS) -std=gnu11 $(OPTIMISE) -fanalyzer -Werror $(UNANALYSED_$*) -MMD -MP -c -o $@ $<

# NULL is a pointer in the C libraries Central is built with, so it may end a list of arguments (varFuncNullUB).
lint: $(ANALYSED)
	clang-format --dry-run -Werror cmd/*.c lib/*.c include/central/*.h tests/*/*.c
	cppcheck --quiet --error-exitcode=1 --enable=warning,portability,performance --inline-suppr \
	    --suppress=missingIncludeSystem --suppress=varFuncNullUB -Iinclude -D_GNU_SOURCE cmd lib tests/bench
	clang-tidy --quiet cmd/*.c lib/*.c tests/bench/*.c -- -std=gnu11 $(CPPFLAGS)
	mandoc -T lint -W warning $(MANUAL)
	shellcheck -x $$(git ls-files | xargs grep -lE '^#!.*\bbash')

# Where systemd, bash and zsh look; for PREFIX=/usr as Debian has it.
SYSTEMD    = $(DESTDIR)$(if $(filter /usr,$(PREFIX)),/lib,$(PREFIX)/lib)
COMPLETION = $(DESTDIR)$(PREFIX)/share/bash-completion/completions
ZSH        = $(DESTDIR)$(PREFIX)/share/zsh/$(if $(filter /usr,$(PREFIX)),vendor-completions,site-functions)
DOC        = $(DESTDIR)$(PREFIX)/share/doc/central
UNITS     := $(notdir $(wildcard units/*.service units/*.timer units/*.target))
EXAMPLES  := $(shell find examples -type f -not -path 'examples/completions/*' 2>/dev/null)

install: all
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(DATADIR)/adapters $(DESTDIR)$(DATADIR)/sql $(SYSTEMD)/systemd/system \
	    $(SYSTEMD)/sysusers.d $(SYSTEMD)/tmpfiles.d $(COMPLETION) $(ZSH)
	install -m 755 $(TOOLS:%=$(BUILD)/bin/%) $(SCRIPTS:%=$(BUILD)/bin/%) $(DESTDIR)$(PREFIX)/bin
	for a in $(ADAPTERS); do ln -sf central-fetch $(DESTDIR)$(PREFIX)/bin/central-fetch-$$a; done
	install -m 644 lib/adapters/*.jq $(DESTDIR)$(DATADIR)/adapters
	install -m 644 sql/*.sql $(DESTDIR)$(DATADIR)/sql
	install -m 644 examples/streams.conf units/nats-server.conf $(DESTDIR)$(DATADIR)
	for m in $(MANUAL); do \
	    d=$(DESTDIR)$(PREFIX)/share/man/man$${m##*.}; install -d $$d; install -m 644 $$m $$d; done
	for u in $(UNITS); do sed 's|@BINDIR@|$(PREFIX)/bin|' units/$$u >$(SYSTEMD)/systemd/system/$$u; done
	chmod 644 $(UNITS:%=$(SYSTEMD)/systemd/system/%)
	install -m 644 units/central.sysusers $(SYSTEMD)/sysusers.d/central.conf
	install -m 644 units/central.tmpfiles $(SYSTEMD)/tmpfiles.d/central.conf
	install -m 644 examples/completions/central.bash $(COMPLETION)/central-adapter
	for t in $(filter-out central-adapter,$(TOOLS) $(SCRIPTS)); do ln -sf central-adapter $(COMPLETION)/$$t; done
	install -m 644 examples/completions/_central $(ZSH)
	for e in $(EXAMPLES); do install -D -m $$(test -x $$e && echo 755 || echo 644) $$e $(DOC)/$$e; done
	install -m 644 README.md LICENSE $(DOC)

# What install made and uninstall leaves empty goes too, but not what a system has anyway.
FOLDERS = $(DESTDIR)$(PREFIX)/bin $(SYSTEMD)/systemd/system $(SYSTEMD)/sysusers.d $(SYSTEMD)/tmpfiles.d $(COMPLETION) $(ZSH) \
          $(DOC) $(DESTDIR)$(DATADIR) $(addprefix $(DESTDIR)$(PREFIX)/share/man/man,1 5 7)
KEPT    = ''$(if $(DESTDIR),,|$(PREFIX)/bin|$(PREFIX)/lib|$(PREFIX)/share|$(PREFIX)/share/man|/lib)

uninstall:
	rm -f $(TOOLS:%=$(DESTDIR)$(PREFIX)/bin/%) $(SCRIPTS:%=$(DESTDIR)$(PREFIX)/bin/%) $(ADAPTERS:%=$(DESTDIR)$(PREFIX)/bin/central-fetch-%)
	rm -rf $(DESTDIR)$(DATADIR) $(DOC)
	for m in $(notdir $(MANUAL)); do rm -f $(DESTDIR)$(PREFIX)/share/man/man$${m##*.}/$$m; done
	rm -f $(UNITS:%=$(SYSTEMD)/systemd/system/%) $(SYSTEMD)/sysusers.d/central.conf $(SYSTEMD)/tmpfiles.d/central.conf
	rm -f $(TOOLS:%=$(COMPLETION)/%) $(SCRIPTS:%=$(COMPLETION)/%) $(ZSH)/_central
	@for d in $(FOLDERS:$(DESTDIR)%=%); do \
	    while case $$d in $(KEPT)) false ;; esac && { test ! -d $(DESTDIR)$$d || rmdir $(DESTDIR)$$d 2>/dev/null; }; do d=$${d%/*}; done; \
	done

# A Debian package in build/, with the dependencies that the programs have.
deb: all
	examples/make-deb $(BUILD)

clean:
	rm -rf build

-include $(shell find $(BUILD) -path $(BUILD)/operations -prune -o -name '*.d' -print 2>/dev/null)
