# make              lguest and its Guests
# make run          boots guest/puppy to its shell (its self-test, if no terminal)
# make run-net      the same with a network; as root
# make check        all the tests;  make check MODE=asan  with a sanitizer
# make fuzz         all fuzzers, for  SECONDS=600  together; needs clang
# make fuzz-cpu     only the processor against this one, for  SECONDS=600
# make soak         24 Guests at once, then one by one;  SECONDS=600 BOOTS=1000
# make bench        how fast it is, as a table;  ROWS="compute system"  for a part
# make bench-debian Debian's stock kernel here and in QEMU, as root;  ROWS="init gzip"
# make bench-plot   the last table as a picture, with gnuplot
# make check-debian the same for the stock kernels of Debian 12; downloads them
# make Journey      the sources as a story: seven chapters, each a target too
# make book         the Journey as one HTML page
#
# MODE=release|debug|asan|ubsan, CC=clang, M32=1 (a 32-bit ./lguest32 for
# kernels that have /dev/lguest), PREFIX and DESTDIR for install.

ifeq ($(origin CC),default)
CC := gcc
endif
PROVE ?= prove
MODE ?= release
O ?= build/$(MODE)
PREFIX ?= /usr/local
DESTDIR ?=

OPT_release := -O2 -g
OPT_debug := -Og -g3 -DX86_CHECK=1
OPT_asan := -O1 -g
OPT_ubsan := -O1 -g
SANITIZE_asan := -fsanitize=address -fno-omit-frame-pointer
SANITIZE_ubsan := -fsanitize=undefined -fno-sanitize-recover=all
ifndef OPT_$(MODE)
$(error MODE=$(MODE)? There are release, debug, asan and ubsan)
endif

CFLAGS ?= $(OPT_$(MODE))
SANITIZE := $(SANITIZE_$(MODE))
WARN := -Wall -Wextra -Wmissing-prototypes -Wmissing-declarations -Werror
BASE := -std=gnu11 -fPIE -MMD $(WARN) -Iinclude -Ihost
LINK := -pie -Wl,-z,relro,-z,now,-z,noexecstack

# The Launcher is what a Guest would have to break out of.
HARDEN := -fstack-protector-strong

# The Guest's floating point state is in the registers while the Host's C runs
# between two stretches of Guest code: so that C gets by without them. Nor is
# the Host built with a sanitizer: SIGSEGV is its daily bread, and what it
# reads beside its own variables is the Guest's.
HOST_CFLAGS := -mgeneral-regs-only -fcf-protection=none

# Only a debug build distrusts its own translations.
HOST_SOURCES := $(wildcard host/*.[cS] host/*/*.[cS])
ifneq ($(MODE),debug)
HOST_SOURCES := $(filter-out host/x86/check.c,$(HOST_SOURCES))
endif
HOST_OBJS := $(patsubst %,$O/%.o,$(basename $(HOST_SOURCES)))
GUESTS := guest/puppy guest/puppy-pae guest/puppy.bz guest/initrd.cpio

ifeq ($(M32),1)
.DEFAULT_GOAL := lguest32
else
.DEFAULT_GOAL := all
endif

.PHONY: all guests run run-net check bench bench-plot bench-debian fuzz fuzz-cpu soak check-m32 \
	check-debian check-programs clean install format \
	book Journey FORCE

all: lguest guests

# Each MODE keeps a binary of its own; ./lguest is a copy of the latest asked for.
lguest lguest32: %: $O/% FORCE
	@cmp -s $< $@ || cp -f $< $@

$O/lguest: $O/lguest.o $(HOST_OBJS)
	$(CC) $(CFLAGS) $(SANITIZE) $(LINK) -o $@ $^

$O/lguest32: $O/lguest32.o
	$(CC) $(CFLAGS) $(SANITIZE) -m32 $(LINK) -o $@ $^

$O/lguest.o: lguest.c
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(SANITIZE) $(BASE) $(HARDEN) -c -o $@ $<

$O/lguest32.o: lguest.c
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(SANITIZE) $(BASE) $(HARDEN) -m32 -c -o $@ $<

$O/host/%.o: host/%.c
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(BASE) $(HOST_CFLAGS) -c -o $@ $<

$O/host/%.o: host/%.S
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(BASE) -c -o $@ $<

-include $(wildcard $O/*.d $O/host/*.d $O/host/*/*.d)

# The Guests have a Makefile of their own: another machine, another compiler's flags.
$(GUESTS): guests ;
guests:
	@$(MAKE) --no-print-directory -C guest

build/disk.img:
	@mkdir -p $(@D)
	truncate -s 4M $@

PUPPY = ./lguest 64 guest/puppy --block=build/disk.img --rng \
	--initrd=guest/initrd.cpio root=/dev/vda

run: all build/disk.img
	@if [ -t 0 ]; then exec $(PUPPY); else exec $(PUPPY) selftest; fi

run-net: all build/disk.img
	@tests/run-net.sh

# AddressSanitizer must leave SIGSEGV to the Host.
check: export ASAN_OPTIONS ?= handle_segv=0:detect_leaks=0
check: all
	$(PROVE) -j2 $(sort $(filter-out tests/debian/%,$(wildcard tests/*.t tests/*/*.t)))

# With Debian's own kernels, which are fetched by name and kept under build/.
check-debian: all
	$(PROVE) -j2 $(sort $(wildcard tests/debian/*.t))

SECONDS ?= 600

# The time is for all of them together, and for building them.
fuzz: lguest
	tests/fuzz/fuzz.sh $(SECONDS)

# For SECONDS, then so many BOOTS.
BOOTS ?= 1000
soak: all
	tests/soak.sh $(SECONDS) $(BOOTS)

check-m32: lguest32
	LGUEST=./lguest32 $(PROVE) -j2 $(sort $(wildcard tests/launcher/*.t))

# The whole list; "make check" runs a minute's worth of it.
check-programs:
	PROGRAMS=all $(PROVE) tests/programs/programs.t

# From where nobody has been before.
fuzz-cpu:
	$(PROVE) -v tests/x86/diff.t :: $$(date +%s)000000 1000000000 $(SECONDS)

# Prints the table, and leaves it in build/bench/table.csv.
bench: all
	@$(MAKE) --no-print-directory -C bench
	@bench/run $(ROWS)

bench-plot:
	@bench/plot

# The same for a stock kernel, and for qemu-system-i386; as root.
bench-debian: all
	@$(MAKE) --no-print-directory -C bench
	@bench/debian/run $(ROWS)

clean:
	rm -rf build lguest lguest32
	@$(MAKE) --no-print-directory -C guest clean

install: all
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/share/lguest \
		$(DESTDIR)$(PREFIX)/share/doc/lguest
	install lguest $(DESTDIR)$(PREFIX)/bin
	install -m 644 $(GUESTS) $(DESTDIR)$(PREFIX)/share/lguest
	install -m 644 lguest.txt README.md COPYING $(DESTDIR)$(PREFIX)/share/doc/lguest

# The Journey: one chapter for each capital letter in the sources' markers.
SOURCES := $(sort lguest.c $(wildcard include/journey/*.txt include/*/*.h host/*.[chS] \
	host/*/*.[chS] guest/*.[chS] guest/*/*.[chS]))
CHAPTERS := Preparation Guest Drivers Launcher Host Switcher Mastery

.PHONY: sources $(CHAPTERS)
sources:
	@printf '%s\n' $(SOURCES)

$(CHAPTERS):
	@./extract $(shell printf %.1s $@) $(SOURCES)

Journey:
	@for chapter in $(CHAPTERS); do \
		printf '\n\n\t\t%s\n\n\n' "$$chapter"; \
		$(MAKE) -s "$$chapter" || exit 1; \
	done

format:
	clang-format -i $(filter %.c %.h,$(SOURCES))

# Needs pandoc.
book: build/journey.html
build/journey.html: $(SOURCES) $(wildcard include/journey/*) extract
	@mkdir -p $(@D)
	for chapter in $(CHAPTERS); do \
		./extract -n "$$(printf %.1s "$$chapter")" $(SOURCES) >build/chapter && \
		awk -v chapter="$$chapter" -f include/journey/book.awk build/chapter || exit 1; \
	done >build/journey.md
	pandoc --from markdown --tab-stop=8 --standalone --self-contained --toc --toc-depth=1 \
		--metadata title='The Journey through lguest' \
		--css include/journey/book.css -o $@ build/journey.md
