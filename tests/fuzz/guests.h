/* Guests made of a fuzzer's input: programs of whatever a hostile one might do,
 * with a kernel around them that goes on with the next step after each trap.
 *
 * What must hold at the end of each: whatever is mapped in the windows is the
 * Guest's memory and can't be executed, nothing at all can be both written and
 * executed, and whoever died has one line of plain text to say why.  The Host is
 * built to check its translations, too (X86_CHECK). */
#ifndef FUZZ_GUESTS_H
#define FUZZ_GUESTS_H

#define _GNU_SOURCE
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <sys/eventfd.h>
#include <sys/mman.h>

#include "tsc.h"
#include "types.h"

#include "input.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

/* ---- The Guest's memory ---- */

#define MEMORY (1u << 20)
#define PAGES (MEMORY / 4096)
#define RESUME 0xff0u		/* where it goes on after a trap */
#define START 0x1000u		/* the kernel around the program */
#define HANDLER (START + 0x200u)
#define STACK 0x4000u
#define USER_STACK 0x5000u
#define PROGRAM 0x6000u
#define PROGRAM_END 0xe000u
#define TABLES 0x10000u		/* what is worth writing to */
#define TABLE(n) (TABLES + (n) * 0x1000u)
#define MOST_STEPS 100u

#define ENTRY_USER 7u

static u8 *memory;

static u32 *word_at(u32 address)
{
	return (u32 *)(memory + address);
}

/* All of it where it lies and a second time at 3 GB, with tables of 32 and of 64
 * bits; a second directory for each has the same tables. */
#define DIRECTORY TABLE(0)
#define OTHER_DIRECTORY TABLE(2)
#define PAE_TOP TABLE(3)
#define OTHER_PAE_TOP (PAE_TOP + 32)

static void fill_page_tables(void)
{
	u64 *wide = (u64 *)word_at(TABLE(5));

	for (u32 i = 0; i < PAGES; i++) {
		word_at(TABLE(1))[i] = i << 12 | ENTRY_USER;
		wide[i] = i << 12 | ENTRY_USER;
	}
	for (u32 i = 0; i < 1024; i += 768) {
		word_at(DIRECTORY)[i] = TABLE(1) | ENTRY_USER;
		word_at(OTHER_DIRECTORY)[i] = TABLE(1) | ENTRY_USER;
	}
	word_at(TABLE(4))[0] = TABLE(5) | ENTRY_USER;
	for (u32 i = 0; i < 16; i++)
		word_at(PAE_TOP)[i] = i & 1 ? 0 : TABLE(4) | 1;
}

/* With nothing before it and behind it, as the Launcher does it. */
static void map_memory(void)
{
	u8 *map = mmap(NULL, MEMORY + 2 * 4096, PROT_NONE,
		       MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	memory = map + 4096;
	if (map == MAP_FAILED ||
	    mprotect(memory, MEMORY, PROT_READ | PROT_WRITE))
		abort();
}

static void make_memory(const void *kernel, size_t size)
{
	if (memory)
		madvise(memory, MEMORY, MADV_REMOVE);
	else
		map_memory();
	memcpy(memory + START, kernel, size);
	fill_page_tables();
}

/* ---- Numbers ---- */

/* Where something changes its mind. */
static const u32 edges[32] = {
	0, 1, 2, 3, 4, 7, 8, 31, 32, 64, 255, 256, 0x200, 0xfff, 0x1000,
	0xffff, MEMORY - 1, MEMORY, MEMORY - 0x1000, MEMORY - 0x570,
	0x3fffff, 0x400000, 0x7fffffff, 0x80000000, 0xbfffffff, 0xc0000000,
	0xffbfffff, 0xffc00000, 0xfffff000, 0xfffffff0, 0xfffffffc, 0xffffffff,
};

static u32 take_value(void)
{
	u8 kind = take(1);

	switch (kind & 7) {
	case 0:
		return edges[kind >> 3];
	case 1:
		return take(1);
	case 2:
		return take(4);
	case 3:
		return TABLE(kind >> 3);
	case 4:
		return TABLE(kind >> 3) + take(1) * 4;
	case 5:		/* an entry of a page table */
		return take(1) << 12 | kind >> 3 | (kind & 0x80);
	case 6:
		return 1u << (kind >> 3);
	default:
		return take(2) << 16 | 0x8e00 | (kind & 0x60);
	}
}

/* A fault of the Host's own ends the process by a signal, which the fuzzer isn't
 * asked about.  So what we are at is left in a file, for tests/fuzz/fuzz.sh. */
static void take_input(const u8 *data, size_t size)
{
	static int fd = -1;
	const char *path = getenv("FUZZ_CURRENT");

	begin_input(data, size);
	if (path && fd < 0)
		fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd >= 0 && (ftruncate(fd, 0) ||
			pwrite(fd, data, size, 0) != (ssize_t)size))
		abort();
}

/* ---- The program ---- */

static u8 *code;
static u32 steps;

static u32 here(void)
{
	return code - memory;
}

static void emit(u32 value, unsigned int bytes)
{
	memcpy(code, &value, bytes);
	code += bytes;
}

static void emit_mov(unsigned int reg, u32 value)
{
	emit(0xb8 | reg, 1);
	emit(value, 4);
}

enum { EAX, ECX, EDX, EBX, ESP, EBP, ESI, EDI };

static void step_registers(void)
{
	u8 which = take(1);

	for (unsigned int reg = EAX; reg <= EDI; reg++)
		if (which >> reg & 1)
			emit_mov(reg, take_value());
}

static void step_write(void)
{
	u32 address = take_value();

	emit(0x05c7, 2);
	emit(address, 4);
	emit(take_value(), 4);
}

static void step_read(void)
{
	emit(0xa1, 1);
	emit(take_value(), 4);
}

static void step_code(void)
{
	u32 len = take(1) % 16;

	while (len--)
		emit(take(1), 1);
}

static void step_segment(void)
{
	static const u8 modrm[] = { 0xc0, 0xd0, 0xd8, 0xe0, 0xe8 };
	u8 which = take(1);

	emit_mov(EAX, take_value());
	emit(0x8e, 1);
	emit(modrm[which % sizeof(modrm)], 1);
}

/* rep movs, cmps, stos, lods or scas. */
static void step_string(void)
{
	u8 which = take(1);

	emit_mov(ECX, take_value());
	emit_mov(ESI, take_value());
	emit_mov(EDI, take_value());
	emit(which & 0x80 ? 0xfd : 0xfc, 1);
	emit(which & 0x40 ? 0xf2 : 0xf3, 1);
	emit(0xa4 + which % 12, 1);
}

static void step_call(void)
{
	emit_mov(EAX, take_value());
	emit(take(1) & 1 ? 0xd0ff : 0xe0ff, 2);
}

/* A frame for iret, of which each word may be replaced. */
static void emit_iret(u32 cs, u32 ss)
{
	u32 words[] = { ss, USER_STACK, 0x202, cs, 0 };
	u8 *eip = NULL, which = take(1);

	for (unsigned int i = 0; i < 5; i++) {
		emit(0x68, 1);
		if (i == 4)
			eip = code;
		emit(which >> i & 1 ? take_value() : words[i], 4);
	}
	emit(0xcf, 1);
	if (!(which & 16))
		memcpy(eip, &(u32){ here() }, 4);
}

/* Two of those that C has to do, or that nobody does any more. */
static void step_rare(void)
{
	static const char *const codes[] = {
		"\x0f\xa2", "\x9c", "\x9d", "\xfb", "\xf4", "\xfa",
		"\x0f\x06", "\x0f\x09", "\xf1", "\x66\xcf", "\xcf", "\xcb",
		"\xce", "\xcc", "\x62\x06", "\x63\x06", "\xc4\x06",
		"\xc5\x06", "\x0f\xb2\x26", "\x0f\xb4\x26", "\xff\x1e",
		"\xff\x2e", "\x0f\x02\x06", "\x0f\x03\x06",
		"\x0f\x01\x06", "\x0f\x01\x0e", "\xc8\x10\x01\x1f",
		"\xc9", "\x60", "\x61", "\x0f\xae\x06", "\x0f\xae\x0e",
		"\xdd\x36", "\xdd\x26", "\x9b\xd9\x06", "\xd4\x0a",
		"\x27", "\x0f\xc7\x0e", "\x0f\xab\x06", "\xf0\x0f\xb1\x06",
		"\xd7", "\x0f\xf7\xc1", "\x66\x9d", "\x0f\x31", "\x07",
		"\x0f\xa1", "\x16", "\x17",
	};
	const char *one;

	for (unsigned int i = 0; i < 2; i++) {
		one = codes[take(1) % (sizeof(codes) / sizeof(*codes))];
		memcpy(code, one, strlen(one));
		code += strlen(one);
	}
}

static void step_int(void)
{
	emit(0xcd, 1);
	emit(take(1), 1);
}

/* Each step says first where to go on if it traps. */
static void make_program(void (*const kinds[])(void), unsigned int num)
{
	code = memory + PROGRAM;
	for (steps = 0; input < input_end && steps < MOST_STEPS &&
			here() < PROGRAM_END - 256;
	     steps++) {
		u8 *next;

		emit(0x05c7, 2);
		emit(RESUME, 4);
		next = code;
		emit(0, 4);
		kinds[take(1) % num]();
		memcpy(next, &(u32){ here() }, 4);
	}
}

/* ---- Time ---- */

#define MILLISECONDS 15

static timer_t timer;
static volatile bool out_of_time;
static void (*tell_machine)(void);

static void time_is_up(int sig)
{
	(void)sig;
	out_of_time = true;
	if (tell_machine)
		tell_machine();
}

static void set_timer(unsigned int ms)
{
	struct itimerspec when = { { 0, ms * 1000000 }, { 0, ms * 1000000 } };

	out_of_time = false;
	timer_settime(timer, 0, &when, NULL);
}

/* The signal ends a read of the Host's: hence no SA_RESTART. */
static void make_timer(void)
{
	struct sigaction act = { .sa_handler = time_is_up };
	struct sigevent event = { .sigev_notify = SIGEV_THREAD_ID,
				  .sigev_signo = SIGRTMIN + 5 };

	event._sigev_un._tid = gettid();
	if (sigaction(SIGRTMIN + 5, &act, NULL) ||
	    timer_create(CLOCK_MONOTONIC, &event, &timer))
		abort();
}

bool tsc_is_trusted(void)
{
	return true;
}

/* A measurement takes half a millisecond; this doesn't. */
void tsc_start(struct tsc_clocks *first)
{
	first->ns = 0;
}

u32 tsc_khz(const struct tsc_clocks *first)
{
	return first->ns ? 0 : 1000000;
}

/* ---- What must hold ---- */

static void __attribute__((noreturn)) broken(const char *what, const char *text)
{
	fprintf(stderr, "%s: %s\n", what, text);
	abort();
}

#define WINDOWS_START (1ull << 45)
#define WINDOWS_END (1ull << 46)
#define GIB4 (1ull << 32)
#define STRIDE (16 * GIB4)

struct mapping {
	u64 start, end, offset;
	char rights[8];
	unsigned long inode;
};

static void check_mapping(const struct mapping *m, unsigned long guests,
			  const char *line)
{
	u64 in_window = (m->start - WINDOWS_START - GIB4) % STRIDE;

	if (m->rights[1] == 'w' && m->rights[2] == 'x')
		broken("can be written and executed", line);
	if (m->inode == guests && m->rights[2] == 'x')
		broken("the Guest's memory can be executed", line);
	if (m->start < WINDOWS_START || m->start >= WINDOWS_END ||
	    !strncmp(m->rights, "---", 3))
		return;
	if (m->inode != guests || m->rights[3] != 's')
		broken("in a window, but not the Guest's", line);
	if (in_window + (m->end - m->start) > GIB4)
		broken("between two windows", line);
	if (m->offset < 4096 || m->offset + (m->end - m->start) > MEMORY + 4096)
		broken("behind the Guest's memory", line);
}

static bool next_mapping(FILE *maps, struct mapping *m, char *line, int size)
{
	return fgets(line, size, maps) &&
	       sscanf(line, "%" SCNx64 "-%" SCNx64 " %7s %" SCNx64 " %*s %lu",
		      &m->start, &m->end, m->rights, &m->offset,
		      &m->inode) == 5;
}

static unsigned long inode_of_memory(void)
{
	FILE *maps = fopen("/proc/self/maps", "r");
	struct mapping m = { .inode = 0 };
	char line[512];

	while (maps && next_mapping(maps, &m, line, sizeof(line)))
		if (m.start == (u64)(uintptr_t)memory)
			break;
	if (maps)
		fclose(maps);
	return m.inode;
}

static void check_windows(void)
{
	static unsigned long guests;
	FILE *maps = fopen("/proc/self/maps", "r");
	struct mapping m;
	char line[512];

	if (!guests)
		guests = inode_of_memory();
	while (maps && next_mapping(maps, &m, line, sizeof(line)))
		check_mapping(&m, guests, line);
	if (maps)
		fclose(maps);
}

static void check_reason(const char *why, size_t size)
{
	size_t len = strnlen(why, size);

	if (!len || len == size)
		broken("died without a word", why);
}

#endif /* FUZZ_GUESTS_H */
