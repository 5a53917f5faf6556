/* The subject: the same cases on the processor of host/x86/, with windows and
 * the simplest machine that can be built around it.  It behaves like Linux
 * towards a 32-bit program in ring 3, since that's where the oracle runs.
 *
 * Like all C that runs while Guest state is in the FPU, this file is compiled
 * without vector registers. */
#include <cpuid.h>
#include <err.h>
#include <string.h>

#include "diff.h"
#include "windows.h"
#include "x86/cache.h"

#define ROOT 1			/* the name of our only address space */

static struct x86_cpu cpu;
static struct windows *windows;
static const struct test_shared *shared;
static const struct test_case *current;
static struct test_result *result;
static volatile bool given_up;
static bool finished, traced;	/* by the last trap; with TF */
static bool supervisor;		/* holes are the kernel's pages */
static u8 rights[DATA_PAGES], dirty[DATA_PAGES];

static bool peek(void *owner, u64 root, u32 lin, struct guest_page *page)
{
	int number = test_page_at(lin);

	(void)owner;
	(void)root;
	page->flags = GUEST_PAGE_USER | GUEST_PAGE_ACCESSED;
	if ((lin & ~(CODE ^ CODE_AGAIN)) - CODE < CODE_PAGES * PAGE_SIZE) {
		page->pfn = CODE_PAGE(SUBJECT) + (lin >> PAGE_SHIFT) % CODE_PAGES;
		page->flags |= GUEST_PAGE_WRITE | GUEST_PAGE_DIRTY;
		return true;
	}
	if (number < 0 || (rights[number] == HOLE && !supervisor))
		return false;
	page->pfn = DATA_PAGE(SUBJECT) + number;
	if (rights[number] == HOLE)
		page->flags = GUEST_PAGE_ACCESSED | GUEST_PAGE_WRITE;
	if (rights[number] == READ_WRITE)
		page->flags |= GUEST_PAGE_WRITE;
	if (dirty[number])
		page->flags |= GUEST_PAGE_DIRTY;
	return true;
}

static bool page_walk(void *owner, u64 root, u32 lin, u32 access,
		      struct guest_page *page, u32 *error)
{
	bool there = peek(owner, root, lin, page);
	int number = test_page_at(lin);

	*error = access | (there ? X86_PRESENT : 0);
	if (!there || (number >= 0 && access & X86_FETCH) ||
	    (access & X86_USER && !(page->flags & GUEST_PAGE_USER)) ||
	    (access & X86_WRITE && !(page->flags & GUEST_PAGE_WRITE)))
		return false;
	if (access & X86_WRITE && number >= 0) {
		dirty[number] = true;
		page->flags |= GUEST_PAGE_DIRTY;
	}
	return true;
}

static bool machine_walk(struct x86_cpu *c, u32 lin, u32 access,
			 struct guest_page *page, u32 *error)
{
	(void)c;
	return page_walk(NULL, ROOT, lin, access, page, error);
}

static bool machine_fill(struct x86_cpu *c, u32 lin, u32 access, u32 *error)
{
	(void)c;
	return windows_fill(windows, lin, access, error);
}

static void machine_protect(struct x86_cpu *c, u32 pfn)
{
	(void)c;
	windows_protect(windows, pfn);
}

static void set_rights(int page, u8 right)
{
	if (rights[page] == right)
		return;
	rights[page] = right;
	dirty[page] = false;
	windows_flush_page(windows, ROOT, test_pages[page].lin);
}

static void set_supervisor(bool on)
{
	if (supervisor == on)
		return;
	supervisor = on;
	windows_flush_all(windows);
}

/* Here a handler would run and return.  It would start with TF clear, and that's
 * what x86_run() must see. */
static void handler(struct x86_cpu *c)
{
	traced = c->eflags_kept & X86_FLAG_TF;
	c->eflags_kept &= ~X86_FLAG_TF;
	if (traced || finished)
		x86_stop(c);
}

static void run_to_the_end(void)
{
	finished = false;
	while (!finished && !given_up) {
		traced = false;
		x86_unkick(&cpu);
		x86_run(&cpu);
		if (traced)
			cpu.eflags_kept |= X86_FLAG_TF;
	}
}

static void machine_trap(struct x86_cpu *c, u8 vector, u32 error, u32 address)
{
	struct test_event event = { .vector = vector, .error = error,
				    .eip = c->eip };
	u32 regs[8];
	int i;

	if (vector == X86_NM) {
		x86_set_ts(c, false);
		return;
	}
	if (vector == X86_PF)
		event.address = address;
	for (i = 0; i < 8; i++)
		regs[i] = c->regs[i];
	event.hash = test_hash_state(regs, x86_eflags(c));
	finished = !test_note(current, result, &event);
	if (!finished && vector == X86_PF)
		set_rights(test_page_at(address), READ_WRITE);
	handler(c);
}

static u32 segment_base(u16 selector)
{
	if (selector >> 2 == shared->fs >> 2)
		return FS_BASE;
	return selector >> 2 == shared->gs >> 2 ? GS_BASE : 0;
}

/* What Linux has in its GDT, as far as ring 3 can see it; TLS entries are the
 * oracle's, but they're like any other data segment. */
static bool machine_descriptor(struct x86_cpu *c, u16 selector, u32 out[2])
{
	u32 asked = segment_base(selector) ? USER_DS : selector | 3u;
	u32 rights = 0, limit = 0;

	(void)c;
	__asm__("lar %1, %0" : "+r"(rights) : "r"(asked) : "cc");
	__asm__("lsl %1, %0" : "+r"(limit) : "r"(asked) : "cc");
	out[0] = (rights & 0x800000 ? limit >> 12 : limit) & 0xffff;
	out[1] = rights | (limit & 0xf0000);
	if (segment_base(selector))
		out[1] |= 0x100000;	/* "useable" */
	return rights;
}

/* Of Linux's other code segments, one is for 64 bits: there the oracle gives up. */
static bool load_segment(struct x86_cpu *c, int seg, u16 selector)
{
	u32 desc[2] = { 0 };
	u8 vector = X86_GP;

	if ((selector < 4 && seg != X86_CS && seg != X86_SS) ||
	    machine_descriptor(c, selector, desc))
		vector = x86_segment_fault(seg, selector, desc[1], 3);
	if (seg == X86_CS && selector >> 2 != USER_CS >> 2)
		vector = X86_GP;
	if (vector) {
		x86_trap(c, vector, selector & ~3u, 0);
		return false;
	}
	x86_set_selector(&c->seg[seg], seg == X86_CS ? selector | 3 : selector, true);
	c->seg[seg].base = segment_base(selector);
	return true;
}

static void machine_privileged(struct x86_cpu *c, const struct x86_insn *insn)
{
	(void)insn;
	x86_trap(c, X86_GP, 0, 0);
}

static void machine_interrupt(struct x86_cpu *c, u8 vector, unsigned len)
{
	if (vector != X86_BP && vector != X86_OF) {
		x86_trap(c, X86_GP, vector * 8 + 2, 0);
		return;
	}
	c->eip += len;
	x86_trap(c, vector, 0, 0);
}

static u32 machine_show_eflags(struct x86_cpu *c, u32 eflags)
{
	(void)c;
	return eflags | X86_FLAG_IF;
}

static void machine_change_eflags(struct x86_cpu *c, u32 eflags, u32 mask)
{
	u32 fixed = ~mask | X86_FLAG_IOPL;

	x86_set_eflags(c, (x86_eflags(c) & fixed) | (eflags & ~fixed));
}

static void machine_iret(struct x86_cpu *c, const struct x86_insn *insn)
{
	int size = insn->opsize16 ? 2 : 4, i;
	u32 frame[3] = { 0 };

	if (c->eflags_kept & X86_FLAG_NT) {	/* as under a 64-bit kernel */
		x86_trap(c, X86_GP, 0, 0);
		return;
	}
	for (i = 2; i >= 0; i--)	/* as the machine does */
		if (!x86_read(c, c->regs[X86_ESP] + i * size, &frame[i], size))
			return;
	if ((frame[1] & 3) != 3) {
		x86_trap(c, X86_GP, frame[1] & 0xfffc, 0);
		return;
	}
	if (!load_segment(c, X86_CS, frame[1]))
		return;
	c->regs[X86_ESP] = (u32)(c->regs[X86_ESP] + 3 * size);
	c->eip = frame[0];
	machine_change_eflags(c, frame[2], size == 2 ? 0xffff : ~0u);
}

static void machine_cpuid(struct x86_cpu *c, u32 leaf, u32 subleaf, u32 out[4])
{
	(void)c;
	__cpuid_count(leaf, subleaf, out[0], out[1], out[2], out[3]);
}

static const struct x86_machine machine = {
	.walk = machine_walk,
	.fill = machine_fill,
	.protect = machine_protect,
	.load_segment = load_segment,
	.privileged = machine_privileged,
	.interrupt = machine_interrupt,
	.iret = machine_iret,
	.trap = machine_trap,
	.show_eflags = machine_show_eflags,
	.change_eflags = machine_change_eflags,
	.cpuid = machine_cpuid,
	.descriptor = machine_descriptor,
};

static const struct page_reader reader = { .walk = page_walk, .peek = peek };

void subject_start(const struct test_shared *with, u8 *memory)
{
	int i;

	shared = with;
	cpu.machine = &machine;
	cpu.memory = memory;
	cpu.memory_pages = MEMORY_PAGES;
	cpu.global_start = ~0u;
	for (i = 0; i < DATA_PAGES; i++)
		rights[i] = test_pages[i].rights;
	if (x86_init(&cpu) || windows_init(&windows, &cpu, &reader, NULL))
		errx(1, "subject: no processor");
}

/* How restless a page is says @how, not its past.  One that stays restless has to
 * find out for itself that its code is another. */
void subject_fresh(u32 how)
{
	u32 pfn;

	for (pfn = CODE_PAGE(SUBJECT); pfn < DATA_PAGE(SUBJECT); pfn++) {
		if (x86_has_code(&cpu, pfn) || !(how & RUN_RESTLESS))
			x86_code_written(&cpu, pfn);
		cpu.cache->pages[pfn].writes = how & RUN_RESTLESS ? 0xff : 0;
	}
}

static void start_segment(int seg, u16 selector)
{
	x86_set_selector(&cpu.seg[seg], selector, true);
	cpu.seg[seg].base = segment_base(selector);
}

static void start_state(const struct test_case *test)
{
	int i;

	for (i = 0; i < 8; i++)
		cpu.regs[i] = test->regs[i];
	cpu.eip = test->eip;
	x86_set_eflags(&cpu, test->eflags);
	for (i = X86_ES; i <= X86_DS; i++)
		start_segment(i, i == X86_CS ? USER_CS : USER_DS);
	start_segment(X86_FS, shared->fs);
	start_segment(X86_GS, shared->gs);
	copy_bytes(cpu.fpu, shared->fpu[test->fpu], sizeof(cpu.fpu));
}

static void take_state(struct test_state *state)
{
	int i;

	for (i = 0; i < 8; i++)
		state->regs[i] = cpu.regs[i];
	state->eflags = x86_eflags(&cpu);
	state->eip = cpu.eip;
	state->ds = cpu.seg[X86_DS].selector;
	state->es = cpu.seg[X86_ES].selector;
	state->ss = cpu.seg[X86_SS].selector;
	state->fs = cpu.seg[X86_FS].selector;
	state->gs = cpu.seg[X86_GS].selector;
	copy_bytes(state->fpu, cpu.fpu, FPU_BYTES);
}

void subject_run(const struct test_case *test, struct test_result *to, u32 how)
{
	u8 *data = cpu.memory + DATA_PAGE(SUBJECT) * PAGE_SIZE;
	int i;

	current = test;
	result = to;
	result->nevents = 0;
	given_up = false;
	set_supervisor(how & RUN_SUPERVISOR);
	for (i = 0; i < DATA_PAGES; i++)
		set_rights(i, shared->no_low && test_pages[i].lin < 0x10000 ?
			      HOLE : test_pages[i].rights);
	copy_bytes(data, shared->template, sizeof(shared->template));
	start_state(test);
	cpu.user = how & RUN_USER;
	windows_enter(windows, ROOT, cpu.user);
	x86_set_ts(&cpu, how & RUN_NM);
	x86_load_fpu(&cpu);
	run_to_the_end();
	x86_save_fpu(&cpu);
	result->hung = given_up;
	take_state(&result->state);
	result->memory = test_hash_memory(data);
}

bool subject_used_fpu(void)
{
	return !x86_ts(&cpu);
}

/* All that was emitted, as it has been patched since. */
void subject_check(void)
{
	u32 n;

	for (n = 1; n < cpu.cache->nblocks; n++)
		x86_must_be_harmless(&cpu, &cpu.cache->blocks[n]);
}

void subject_kick(void)
{
	x86_kick(&cpu);
}

void subject_give_up(void)
{
	given_up = true;
	x86_kick(&cpu);
}
