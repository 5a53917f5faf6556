/* The driver: generates cases, has both sides run them, compares, and makes
 * small ones of those that differ.
 *
 *	differ run FIRST CASES [SECONDS]	that many, for that long at most
 *	differ show CASE			one of them, in full
 *	differ cases FILE...			those that were kept
 *	differ faults				what runs into trouble, by class
 */
#define _GNU_SOURCE
#include <err.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "cases.h"
#include "coverage.h"

#define BATCH 1024
#define REPORTS 10
#define FAULTS 4096		/* of each class, in four ways */
#define KEPT "tests/x86/cases/"

static struct test_shared *shared;
static u8 *memory;
static volatile u32 how = RUN_USER;	/* the subject runs */
static struct program programs[MAX_BATCH];
static u64 vectors[32], hung, ends;

static u8 *code(int side)
{
	return memory + CODE_PAGE(side) * PAGE_SIZE;
}

static u8 *data(int side)
{
	return memory + DATA_PAGE(side) * PAGE_SIZE;
}

static void place(struct program *program, u32 number)
{
	u32 at = number * SLOT;
	u8 *one = code(ORACLE) + at;

	memset(one, 0xcc, SLOT);
	place_program(program, one, (number & 1 ? CODE : CODE_AGAIN) + at);
	memcpy(code(SUBJECT) + at, one, SLOT);
	shared->cases[number] = program->start;
}

static void oracle(u32 count)
{
	if (!oracle_run(count))
		errx(1, "the oracle died in case %u", shared->progress);
}

static void subject(u32 number, struct test_result *result)
{
	struct itimerval patience = { .it_value.tv_sec = 2 };

	setitimer(ITIMER_PROF, &patience, NULL);
	if (shared->results[number].hung)
		*result = shared->results[number];
	else
		subject_run(&shared->cases[number], result, how);
}

static void patience_ends(int sig)
{
	(void)sig;
	subject_give_up();
}

/* The error code that the subject should see where the oracle, in ring 3 and with
 * holes for pages, has seen that of @event. */
static u32 error_expected(const struct test_event *event)
{
	u32 error = event->error;

	if (event->vector != X86_PF)
		return error;
	if (!(how & RUN_USER))
		error &= ~X86_USER;
	if (how & RUN_SUPERVISOR && test_page_at(event->address) >= 0)
		error |= X86_PRESENT;
	return error;
}

static bool same_event(const struct test_event *a, const struct test_event *b)
{
	return a->vector == b->vector && error_expected(a) == b->error &&
	       a->address == b->address && a->eip == b->eip &&
	       a->hash == b->hash;
}

static u32 first_event_that_differs(const struct test_result *a,
				    const struct test_result *b)
{
	u32 i;

	for (i = 0; i < a->nevents && i < b->nevents; i++)
		if (!same_event(&a->events[i], &b->events[i]))
			return i;
	return i;
}

/* Of an fxsave image: what isn't the address of the last instruction. */
static bool same_fpu(const u8 *a, const u8 *b)
{
	int i;

	for (i = 0; i < 8; i++)
		if (memcmp(a + 32 + 16 * i, b + 32 + 16 * i, 10))
			return false;
	return !memcmp(a, b, 5) && !memcmp(a + 24, b + 24, 4) &&
	       !memcmp(a + 160, b + 160, 128);
}

/* Linux keeps only one of the four null selectors. */
static bool same_selector(u16 a, u16 b)
{
	return a == b || (a < 4 && b < 4);
}

static bool same_state(const struct test_state *a, const struct test_state *b)
{
	return !memcmp(a->regs, b->regs, sizeof(a->regs)) && a->eip == b->eip &&
	       !((a->eflags ^ b->eflags) & TEST_FLAGS) && same_selector(a->ds, b->ds) &&
	       same_selector(a->es, b->es) && same_selector(a->fs, b->fs) &&
	       same_selector(a->gs, b->gs) &&
	       same_fpu(a->fpu, b->fpu);
}

/* Programs change themselves. */
static bool same_code(u32 number)
{
	return !memcmp(code(ORACLE) + number * SLOT,
		       code(SUBJECT) + number * SLOT, SLOT);
}

static bool flat_data(u16 selector)
{
	return (selector | 3) == USER_DS;
}

/* AC is only pretended.  And of segments we know the base alone, if they are fs
 * and gs; ss, ds and es are flat, and all may be written. */
static bool beyond_us(const struct test_state *state)
{
	return state->eflags & X86_FLAG_AC || !flat_data(state->ds) ||
	       !flat_data(state->es) || !flat_data(state->ss) ||
	       state->fs < 4 || state->gs < 4;
}

static const u8 *code_at(u32 eip)
{
	u32 at = (eip & ~(CODE ^ CODE_AGAIN)) - CODE;

	return code(SUBJECT) + (at < CODE_PAGES * PAGE_SIZE - 64 ? at : 0);
}

/* Did the subject refuse, rightly, what the machine has? */
static bool refused(const struct test_event *b)
{
	return b->vector == X86_UD && unoffered(code_at(b->eip));
}

/* An operand that hangs over the end of its segment is a #GP on the machine.  We
 * don't know segments but by their bases (so we may go on), and look at pages
 * first. */
static bool hangs_over(const struct test_event *a, const struct test_event *b)
{
	return a->vector == X86_GP && !a->error &&
	       (has_base(code_at(a->eip)) ||
		(b && b->vector == X86_PF && b->address >= -64u));
}

/* Whose #GP this is, the machine has begun with its MMX registers already, which
 * no manual knows of. */
static bool half_done(const struct test_result *a)
{
	const struct test_event *last = &a->events[a->nevents - 1];

	return a->nevents && last->vector == X86_GP &&
	       mmx_to_code(code_at(last->eip));
}

static bool excused(const struct test_result *a, const struct test_result *b)
{
	u32 i = first_event_that_differs(a, b);
	const struct test_event *ours = i < b->nevents ? &b->events[i] : NULL;

	return half_done(a) || (ours && refused(ours)) ||
	       (i < a->nevents && hangs_over(&a->events[i], ours));
}

/* There's nothing to compare it with. */
static bool astray(u32 number, const struct test_result *b)
{
	const struct test_result *a = &shared->results[number];

	return a->hung || beyond_us(&a->state) || excused(a, b);
}

static bool same(u32 number, const struct test_result *b)
{
	const struct test_result *a = &shared->results[number];

	if (astray(number, b))
		return true;
	return a->nevents == b->nevents && !b->hung &&
	       first_event_that_differs(a, b) == a->nevents &&
	       same_state(&a->state, &b->state) && a->memory == b->memory &&
	       same_code(number);
}

static bool differs(struct program *program)
{
	struct test_result result;

	place(program, 0);
	subject_fresh(how);
	oracle(1);
	subject(0, &result);
	return !same(0, &result);
}

static void drop(struct program *program, u32 which)
{
	u32 i;

	memmove(&program->text[which], &program->text[which + 1],
		(--program->n - which) * sizeof(program->text[0]));
	for (i = 0; i < program->n; i++)
		if (program->text[i].target > which)
			program->text[i].target--;
}

/* Makes nops of bytes that may as well be. */
static void drop_bytes(struct program *program)
{
	struct program smaller;
	u32 i, j;

	for (i = 0; i < program->n; i++)
		for (j = 0; j < program->text[i].len; j++) {
			smaller = *program;
			smaller.text[i].bytes[j] = 0x90;
			if (differs(&smaller))
				*program = smaller;
		}
}

/* Takes out what the difference doesn't need. */
static void minimise(struct program *program)
{
	struct program smaller;
	bool progress;
	u32 i;

	do {
		progress = false;
		for (i = program->n; i-- > 0;) {
			smaller = *program;
			drop(&smaller, i);
			if (!differs(&smaller))
				continue;
			*program = smaller;
			progress = true;
		}
	} while (progress);
	freeze_program(program, program->start.eip);
	drop_bytes(program);
	smaller = *program;
	smaller.start.eflags &= ~X86_FLAG_TF;
	if (differs(&smaller))
		*program = smaller;
	smaller = *program;
	smaller.start.fpu = 0;
	if (differs(&smaller))
		*program = smaller;
}

static void show_program(const struct program *program)
{
	u32 i, at = program->start.eip;
	int j;

	for (i = 0; i < program->n; i++) {
		printf("#   %x:", at);
		for (j = 0; j < program->text[i].len; j++)
			printf(" %02x", program->text[i].bytes[j]);
		printf("\n");
		at += program->text[i].len;
	}
	printf("#   from eax=%x ecx=%x edx=%x ebx=%x esp=%x ebp=%x esi=%x edi=%x"
	       " eflags=%x fpu=%u fix=%u\n", program->start.regs[0],
	       program->start.regs[1], program->start.regs[2],
	       program->start.regs[3], program->start.regs[4],
	       program->start.regs[5], program->start.regs[6],
	       program->start.regs[7], program->start.eflags,
	       program->start.fpu, program->start.fix);
}

static void show_events(const char *who, const struct test_result *result)
{
	const struct test_event *e = result->events;
	u32 i;

	for (i = 0; i < result->nevents; i++, e++)
		printf("#   %s: trap %u (%x) at %x, address %x, state %08x\n",
		       who, e->vector, e->error, e->eip, e->address,
		       e->hash);
	if (result->hung)
		printf("#   %s: does not end\n", who);
}

static void show_word(const char *name, u32 a, u32 b)
{
	if (a != b)
		printf("#   %s: %x, should be %x\n", name, b, a);
}

static void show_state(const struct test_state *a, const struct test_state *b)
{
	static const char *const names[] = { "eax", "ecx", "edx", "ebx", "esp",
					     "ebp", "esi", "edi" };
	int i;

	for (i = 0; i < 8; i++)
		show_word(names[i], a->regs[i], b->regs[i]);
	show_word("eip", a->eip, b->eip);
	show_word("eflags", a->eflags & TEST_FLAGS, b->eflags & TEST_FLAGS);
	show_word("ds", a->ds, b->ds);
	show_word("es", a->es, b->es);
	show_word("fs", a->fs, b->fs);
	show_word("gs", a->gs, b->gs);
	if (same_fpu(a->fpu, b->fpu))
		return;
	for (i = 0; i < FPU_BYTES; i++)
		if ((i < 5 || i >= 24) && a->fpu[i] != b->fpu[i])
			printf("#   fpu[%d]: %02x, should be %02x\n", i,
			       b->fpu[i], a->fpu[i]);
}

static void show_memory(void)
{
	const u8 *a = data(ORACLE), *b = data(SUBJECT);
	int i, shown = 0;

	for (i = 0; i < DATA_PAGES * (int)PAGE_SIZE && shown < 16; i++)
		if (a[i] != b[i] && ++shown)
			printf("#   [%x]: %02x, should be %02x\n",
			       test_pages[i / PAGE_SIZE].lin + i % PAGE_SIZE,
			       b[i], a[i]);
}

/* Both sides once more, up to the first event that differs. */
static void show_difference(struct program *program)
{
	const struct test_result *expected = &shared->results[0];
	struct test_result result;
	u32 event;

	program->start.max_events = MAX_EVENTS;
	place(program, 0);
	subject_fresh(how);
	oracle(1);
	subject(0, &result);
	show_events("cpu", expected);
	show_events("x86", &result);
	event = first_event_that_differs(expected, &result);
	if (event < expected->nevents && event < result.nevents) {
		program->start.max_events = event + 1;
		place(program, 0);
		subject_fresh(how);
		oracle(1);
		subject(0, &result);
	}
	show_state(&expected->state, &result.state);
	show_memory();
}

static void keep(u64 number, const struct program *program)
{
	struct kept_case kept = { .program = *program, .how = how,
				  .data = number & ~(u64)(BATCH - 1) };
	char path[sizeof(KEPT) + 40], heading[60];

	sprintf(path, KEPT "found-%llu", (unsigned long long)number);
	sprintf(heading, "case %llu, made small", (unsigned long long)number);
	if (write_case(&kept, path, heading))
		printf("#   kept as %s\n", path);
}

static void report(u64 number, const struct program *found,
		   const struct test_result *expected,
		   const struct test_result *seen)
{
	struct program program = *found;

	printf("# case %llu differs", (unsigned long long)number);
	if (!differs(&program)) {
		printf(", but not on its own\n");
		show_program(found);
		show_events("cpu", expected);
		show_events("x86", seen);
		show_state(&expected->state, &seen->state);
		printf("#   data %s, how %x\n", expected->memory == seen->memory ?
		       "equal" : "differ", how);
		return;
	}
	minimise(&program);
	printf("; what matters:\n");
	place(&program, 0);
	keep(number, &program);
	show_program(&program);
	show_difference(&program);
	fflush(stdout);
}

static void count(const struct test_case *test, const struct test_result *result)
{
	u32 i;

	for (i = 0; i < result->nevents; i++)
		vectors[result->events[i].vector & 31]++;
	hung += result->hung;
	ends += result->state.eip == test->end;
}

static bool differs_alone(const struct program *found)
{
	struct program program = *found;

	return differs(&program);
}

/* The cases of a batch that differ, with what both sides said.  One that went
 * astray may have changed the code of others. */
static struct test_result results[MAX_BATCH];

static u32 report_all(u64 first, u32 n, const bool *wrong, bool any_astray)
{
	static struct test_result expected[MAX_BATCH];
	u32 i, bad = 0;

	memcpy(expected, shared->results, sizeof(expected));
	for (i = 0; i < n; i++)
		if (wrong[i] && (!any_astray || differs_alone(&programs[i])) &&
		    bad++ < REPORTS)
			report(first + i, &programs[i], &expected[i], &results[i]);
	return bad;
}

/* Does the class at hand use the FPU?  Or nobody knows. */
static enum { MAYBE, NO_FPU, FPU } expected_fpu;

/* With TS set, the first instruction that needs the FPU is a #NM, and others
 * aren't. */
static bool wrong_nm(const struct program *program, const struct test_result *result)
{
	bool through = result->state.eip == program->start.end;

	if (!(how & RUN_NM) || !expected_fpu ||
	    subject_used_fpu() == (expected_fpu == FPU) ||
	    (expected_fpu == FPU && !through))
		return false;
	printf("# #NM or not, it should have been the other:\n");
	show_program(program);
	return true;
}

/* The programs made by @make for numbers from @first on.  Returns how many
 * differ.  Code is compared at the end, since a program can hit another's. */
static u32 run_programs(void (*make)(struct program *, u64), u64 first, u32 n)
{
	static bool wrong[MAX_BATCH];
	bool any_astray = false;
	u32 i, bad = 0;

	for (i = 0; i < n; i++) {
		make(&programs[i], first + i);
		place(&programs[i], i);
	}
	subject_fresh(how);
	oracle(n);
	for (i = 0; i < n; i++) {
		subject(i, &results[i]);
		count(&shared->cases[i], &results[i]);
		cover_program(&programs[i]);
		bad += wrong_nm(&programs[i], &results[i]);
	}
	for (i = 0; i < n; i++) {
		any_astray |= astray(i, &results[i]);
		wrong[i] = !same(i, &results[i]);
	}
	return bad + report_all(first, n, wrong, any_astray);
}

/* Interrupts, from another thread, at any time. */
static void *kicker(void *unused)
{
	struct timespec pause = { 0, 0 };

	(void)unused;
	for (;;) {
		pause.tv_nsec = 1000 + pause.tv_nsec * 7 % 150001;
		nanosleep(&pause, NULL);
		if (how & RUN_KICKED)
			subject_kick();
	}
	return NULL;
}

static void start_kicker(void)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, kicker, NULL))
		errx(1, "no thread that interrupts");
}

/* Linux has a descriptor whose limit is the number of the CPU.  Besides, the
 * two take turns. */
static void same_cpu(void)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(sched_getcpu(), &set);
	sched_setaffinity(0, sizeof(set), &set);
}

static void prepare(void)
{
	size_t size = MEMORY_PAGES * PAGE_SIZE;
	int fd = memfd_create("memory", 0);

	if (fd < 0 || ftruncate(fd, size))
		err(1, "memory for both");
	memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED || shared == MAP_FAILED)
		err(1, "memory for both");
	memset(code(ORACLE), 0xcc, CODE_PAGES * PAGE_SIZE);
	memset(code(SUBJECT), 0xcc, CODE_PAGES * PAGE_SIZE);
	same_cpu();
	oracle_start(shared, fd);
	start_kicker();
	signal(SIGPROF, patience_ends);
	subject_start(shared, memory);
}

/* Decimal arithmetic: each al, some ah, with and without CF and AF. */
#define DECIMALS (8 * 4 * 4 * 256)

static void decimal(struct program *program, u64 number)
{
	static const u8 ops[][2] = { { 0x27 }, { 0x2f }, { 0x37 }, { 0x3f },
				     { 0xd4, 10 }, { 0xd5, 10 }, { 0xd4, 7 },
				     { 0xd5, 0xfb } };
	static const u8 highs[] = { 0, 0x12, 0x7f, 0xff };

	memset(program, 0, sizeof(*program));
	program->n = 1;
	memcpy(program->text[0].bytes, ops[number >> 8 & 7], 2);
	program->text[0].len = number & 0x400 ? 2 : 1;
	program->start.regs[X86_EAX] = (number & 0xff) |
				       highs[number >> 11 & 3] << 8;
	program->start.regs[X86_ESP] = STACK + 0x1800;
	program->start.eflags = (number & 0x2000 ? X86_FLAG_CF : 0) |
				(number & 0x4000 ? X86_FLAG_AF : 0);
	program->start.max_events = 1;
}

static void random_program(struct program *program, u64 number)
{
	generate(program, number, shared->no_low);
}

/* In each way, and every fourth time in restless pages. */
static u32 how_to_run(u64 number)
{
	u32 batch = number / BATCH;

	return (batch % 8 ^ RUN_USER) | (batch / 8 % 4 == 2 ? RUN_RESTLESS : 0);
}

static u32 run_random(u64 first, u32 n)
{
	generate_data(shared, first);
	how = how_to_run(first);
	return run_programs(random_program, first, n);
}

/* Which class of instructions runs into something now. */
static u32 class;

static void fault(struct program *program, u64 number)
{
	generate_fault(program, class, number, shared->no_low);
}

static u32 run_faults(u32 cases)
{
	static const u8 ways[] = { RUN_USER, 0, RUN_USER | RUN_NM | RUN_RESTLESS,
				   RUN_USER | RUN_SUPERVISOR };
	u32 bad = 0, way;
	u64 i;

	for (way = 0; way < 4 && bad < REPORTS; way++) {
		how = ways[way];
		for (i = 0; i < cases && bad < REPORTS; i += BATCH)
			bad += run_programs(fault, i, BATCH);
	}
	return bad;
}

static u32 run_decimals(void)
{
	u32 bad = 0, i;

	for (i = 0; i < DECIMALS && bad < REPORTS; i += BATCH)
		bad += run_programs(decimal, i, BATCH);
	return bad;
}

/* Does this one differ?  However it is run; an interrupt comes when it will. */
static bool kept_differs(struct kept_case *kept)
{
	u32 tries;

	generate_data(shared, kept->data);
	for (tries = 0; tries < 16; tries++) {
		how = kept->how ^ tries % 8 ^ tries / 8 * RUN_RESTLESS;
		if (differs(&kept->program))
			return true;
	}
	return false;
}

static u32 run_kept(char **paths, int n)
{
	static struct kept_case kept;
	u32 bad = 0;

	for (; n--; paths++) {
		read_case(&kept, *paths);
		if (!kept_differs(&kept))
			continue;
		bad++;
		printf("# %s:\n", *paths);
		show_program(&kept.program);
		show_difference(&kept.program);
	}
	return bad;
}

static void show_case(u64 number)
{
	how = how_to_run(number);
	generate_data(shared, number & ~(u64)(BATCH - 1));
	random_program(&programs[0], number);
	place(&programs[0], 0);
	show_program(&programs[0]);
	show_difference(&programs[0]);
}

static void show_traps(void)
{
	u32 i;

	printf("# traps:");
	for (i = 0; i < 32; i++)
		if (vectors[i])
			printf(" #%u %llu", i, (unsigned long long)vectors[i]);
	printf("\n");
}

static u32 run_many(u64 first, u64 cases, time_t end)
{
	u32 bad = 0;
	u64 done;

	for (done = 0; done < cases && bad < REPORTS && time(NULL) < end;
	     done += BATCH)
		bad += run_random(first + done, BATCH);
	printf("# %llu cases from %llu, %u mismatches; %llu ran to their end, "
	       "%llu have none\n", (unsigned long long)done,
	       (unsigned long long)first, bad, (unsigned long long)ends,
	       (unsigned long long)hung);
	show_coverage();
	show_traps();
	return bad;
}

static void tap(int number, const char *what, u32 bad)
{
	printf("%sok %d - %s\n", bad ? "not " : "", number, what);
}

static void test(u64 first, u64 cases, time_t end)
{
	tap(2, "decimal arithmetic, each al with each flag", run_decimals());
	fflush(stdout);
	tap(3, "random programs end as they do on the CPU",
	    run_many(first, cases, end));
	subject_check();
	tap(4, "and their translations are harmless to the end", 0);
}

/* A class, with the traps that its instructions ran into. */
static void test_class(u32 number)
{
	bool fpu;
	const char *name = fault_class(number, &fpu);

	memset(vectors, 0, sizeof(vectors));
	class = number;
	expected_fpu = fpu ? FPU : NO_FPU;
	generate_data(shared, 0);
	tap(number + 1, name, run_faults(FAULTS));
	show_traps();
	fflush(stdout);
}

static void test_classes(void)
{
	u32 i;

	for (i = 0; i < FAULT_CLASSES; i++)
		test_class(i);
}

static void usage(void)
{
	errx(1, "usage: differ run FIRST CASES [SECONDS]; differ show CASE; "
	     "differ cases FILE...; differ faults");
}

int main(int argc, char *argv[])
{
	const char *what = argc > 1 ? argv[1] : "";
	u64 first = argc > 2 ? strtoull(argv[2], NULL, 0) : 0;

	prepare();
	if (!strcmp(what, "faults"))
		test_classes();
	else if (!strcmp(what, "show"))
		show_case(first);
	else if (!strcmp(what, "cases"))
		tap(1, "what once differed is the same",
		    run_kept(argv + 2, argc - 2));
	else if (!strcmp(what, "run") && argc > 3)
		test(first & ~(u64)(BATCH - 1), strtoull(argv[3], NULL, 0),
		     argc > 4 ? time(NULL) + atoi(argv[4]) : ~0u);
	else
		usage();
	return 0;
}
