/* Hypercalls, tables of all kinds, and programs that want out. */
#include "guest.h"

#define UNHANDLED(nr) "1 lguest: unhandled trap " #nr " at 0x* (0x*)"
enum { UD = 6, GP = 13, PF = 14, SYSCALL = 0x80 };

/* ---- Hypercalls ---- */

/* The runner calls each number, with each argument at each edge. */
CASE(_hypercall, "", "")
{
	begin();
	if (argument(0))
		programs_on();
	for (u32 i = 0; i < 2; i++) {
		hcall(CLOCKEVENT, 100000, 0, 0, 0);
		hcall(argument(1), argument(2), argument(3), argument(4),
		      argument(5));
	}
}

CASE(_init, "", "")
{
	volatile struct lguest_data *data = (void *)argument(0);

	data->kernel_address = 0xc0000000;
	data->syscall_vec = 0x80;
	hcall(INIT, argument(0), 0, 0, 0);
	programs_on();
	for (u32 i = 0; i < 50; i++)
		sleep_ms(1);
}

CASE(_init_at_end, "", HARMLESS)
{
	volatile struct lguest_data *data = (void *)(limit() - sizeof(*data));

	data->kernel_address = 0xc0000000;
	data->syscall_vec = 0x80;
	hcall(INIT, (u32)data, 0, 0, 0);
	sleep_ms(3);
}

CASE(_init_past_end, "", "1 lguest: bad guest page 0*")
{
	hcall(INIT, limit() - sizeof(lguest_data) + 1, 0, 0, 0);
}

CASE(data_over_page_tables, "", "? *")
{
	/* The clock goes into what's now a page directory. */
	programs_on();
	hcall(NEW_PGTABLE, (u32)&lguest_data & -PAGE, 0, 0, 0);
	sleep_ms(10);
}

CASE(data_rewritten, "", "~ *")
{
	programs_on();
	for (u32 i = 0; i < 2000; i++) {
		u32 *word = (u32 *)&lguest_data;

		word[random32() % 6] = random32();
		word[342 + random32() % 6] = random32();
		hcall(CLOCKEVENT, 1, 0, 0, 0);
		hcall(SEND_INTERRUPTS, 0, 0, 0, 0);
	}
}

CASE(data_ring_full, "", "1 lguest: Bad hypercall -559038737")
{
	for (u32 i = 0; i < 64; i++) {
		lguest_data.hcalls[i][0] = i < 63 ? FLUSH_ASYNC : 0xdeadbeef;
		lguest_data.hcall_status[i] = 0;
	}
	hcall(FLUSH_ASYNC, 0, 0, 0, 0);
}

CASE(data_ring_of_notifies, "", HARMLESS)
{
	for (u32 round = 0; round < 20; round++) {
		for (u32 i = 0; i < 64; i++) {
			lguest_data.hcalls[i][0] = NOTIFY;
			lguest_data.hcalls[i][1] = (u32)"x";
			lguest_data.hcall_status[i] = 0;
		}
		hcall(FLUSH_ASYNC, 0, 0, 0, 0);
	}
}

CASE(data_ring_halts, "", HARMLESS)
{
	for (u32 i = 0; i < 64; i++) {
		lguest_data.hcalls[i][0] = i & 1 ? HALT : CLOCKEVENT;
		lguest_data.hcalls[i][1] = 100000;
		lguest_data.hcall_status[i] = random32();
	}
	lguest_data.hcall_status[0] = 0;
	hcall(CLOCKEVENT, 1000000, 0, 0, 0);
	hcall(FLUSH_ASYNC, 0, 0, 0, 0);
	sleep_ms(3);
}

/* Everything but SHUTDOWN, HALT and NOTIFY, with arguments from nowhere; the
 * runner gives the seed. */
static u32 any_word(void)
{
	static const u32 edges[] = { 0, 1, 2, 0xfff, 0x1000, 0x100000,
				     0x7fffffff, 0x80000000, 0xbfffffff,
				     0xc0000000, 0xffbfffff, 0xffc00000,
				     0xffffffff };
	u32 word = random32();

	if (word & 1)
		return edges[random32() % ARRAY_SIZE(edges)];
	if (word & 2)
		return (u32)page_directory + (random32() % 8) * PAGE;
	if (word & 4)
		return random32() % 0x1100000;
	return random32() >> (random32() % 32);
}

CASE(_random_calls, "", "")
{
	begin();
	for (u32 i = argument(0); i; i--)
		random32();
	programs_on();
	for (u32 i = 0; i < 3000; i++) {
		u32 number = random32() % HCALLS;

		if (number == SHUTDOWN || number == HALT || number == NOTIFY ||
		    number == INIT || number == 3 || number == 11 ||
		    number == 12)
			continue;
		hcall(number, any_word(), any_word(), any_word(), any_word());
	}
}

/* Its last words are one line, and plain. */
CASE(words_with_escapes, "", "1 lguest: CRASH: ??31mred?lguest: and another line")
{
	fail("\033[31mred\nlguest: and another line");
}

CASE(words_without_end, "", "1 lguest: CRASH: x*x")
{
	fill((void *)(limit() - 128), 'x', 128);
	hcall(SHUTDOWN, limit() - 128, 1, 0, 0);
}

CASE(words_past_end, "", "1 lguest: bad read address 0x* len 128")
{
	hcall(SHUTDOWN, limit() - 127, 1, 0, 0);
}

/* ---- Page tables ---- */

static void read_all(void)
{
	for (u32 addr = 0; addr < 0xffc00000; addr += 0x3ff000)
		(void)*(volatile u8 *)addr;
}

CASE(pages_point_at_themselves, "", "? *")
{
	static u32 self[1024] __attribute__((aligned(PAGE)));

	programs_on();
	for (u32 i = 0; i < 1023; i++)
		self[i] = (u32)self | PTE_USER;
	self[0] = page_directory[0];
	hcall(NEW_PGTABLE, (u32)self, 0, 0, 0);
	read_all();
	for (u32 i = 1; i < 1023; i++)
		((volatile u32 *)(i << 22))[i] = (u32)self | PTE_USER | 0x60;
}

CASE(pages_of_descriptors, "--rng", "? *")
{
	programs_on();
	page_directory[300] = memory_end() | PTE_USER;
	hcall(SET_PGD, (u32)page_directory, 300, 0, 0);
	for (u32 i = 0; i < 1024; i++)
		(void)*(volatile u8 *)((300u << 22) + i * PAGE);
}

CASE(pages_beyond_memory, "", "1 lguest: bad page table entry")
{
	programs_on();
	map_page(0x80000000, limit() | PTE_KERNEL);
	(void)*(volatile u8 *)0x80000000;
}

CASE(pages_beyond_quietly, "", "1 lguest: bad page table entry")
{
	programs_on();
	map_page(0x80000000, 0);
	((u32 *)(page_directory[512] & -PAGE))[0] = 0xfffff000 | PTE_KERNEL;
	(void)*(volatile u8 *)0x80000000;
}

CASE(pages_directory_outside, "", "1 lguest: bad read address 0x*")
{
	programs_on();
	hcall(NEW_PGTABLE, 0x80000000, 0, 0, 0);
	read_all();
}

CASE(pages_directory_at_end, "", "? *")
{
	programs_on();
	memcpy((void *)(limit() - PAGE), page_directory, PAGE);
	hcall(NEW_PGTABLE, limit() - PAGE, 0, 0, 0);
	hcall(NEW_PGTABLE, limit() - 1, 0, 0, 0);
	read_all();
}

CASE(_pae_at_end, "", "? *")
{
	u32 *root = (u32 *)(limit() - 32);

	begin();
	root[0] = root[2] = root[4] = root[6] = (limit() - PAGE) | 1;
	hcall(NEW_PGTABLE, (u32)root, 0, 0, 0);
	read_all();
}

CASE(_pae_of_itself, "", "~ *")
{
	static u32 page[1024] __attribute__((aligned(PAGE)));

	begin();
	gates_on();
	for (u32 i = 0; i < 1024; i += 2)
		page[i] = (u32)page | 1;
	hcall(NEW_PGTABLE, (u32)page, 0, 0, 0);
	read_all();
}

static void scribble_tables(void)
{
	u32 *entry = &((u32 *)(page_directory[512] & -PAGE))[random32() % 64];

	*entry = random32() % limit();
	if (random32() & 1)
		hcall(SET_PTE, (u32)page_directory, 0x80000000, *entry, 0);
	if (random32() & 1)
		hcall(FLUSH_TLB, random32() & 1, 0, 0, 0);
}

/* Half a million reads and writes of entries at random. */
CASE(pages_at_random, "", "? *")
{
	programs_on();
	map_page(0x80000000, 0);
	for (u32 i = 0; i < 5000; i++) {
		scribble_tables();
		(void)*(volatile u8 *)(0x80000000 + (random32() & 0x3fffff));
	}
}

/* More address spaces than anybody keeps; each has a page of its own. */
static u32 spaces[300][1024] __attribute__((aligned(PAGE)));

CASE(pages_300_spaces, "", HARMLESS)
{
	programs_on();
	map_page(0x80000000, (u32)user_data | PTE_KERNEL);
	for (u32 i = 0; i < 900; i++) {
		u32 *space = spaces[i % 300];

		memcpy(space, page_directory, PAGE);
		hcall(NEW_PGTABLE, (u32)space, 0, 0, 0);
		*(volatile u32 *)0x80000000 = i;
		demand(*(volatile u32 *)user_data == i);
	}
}

/* Every other page of a lot, so that no two are neighbours in both worlds. */
CASE(pages_scattered, "", HARMLESS)
{
	programs_on();
	for (u32 i = 0; i < 64 * 1024; i++)
		map_page(0x40000000 + i * PAGE, (i % 2 ? 0x100000 : 0x104000) |
			 PTE_KERNEL);
	for (u32 round = 0; round < 2; round++)
		for (u32 i = 0; i < 64 * 1024; i++)
			(void)*(volatile u8 *)(0x40000000 + i * PAGE);
}

/* ---- Gates, segments, stacks ---- */

CASE(gates_at_random, "", "~ *")
{
	programs_on();
	for (u32 i = 0; i < 256; i++)
		hcall(LOAD_IDT, i, random32(),
		      (random32() & 0xffff0000) | (i & 1 ? 0x8e00 : 0xef00), 0);
	asm volatile("ud2");
}

CASE(gate_at_itself, "", "~ *")
{
	/* The handler is what trapped. */
	programs_on();
	extern u8 trap_stubs_ud2[];

	load_gate(UD, trap_stubs_ud2, INTERRUPT_GATE);
	asm volatile(".globl trap_stubs_ud2\n"
		     "trap_stubs_ud2: ud2");
}

CASE(gate_for_stack_faults, "", "~ *")
{
	/* Page faults, whose handler has no stack to stand on. */
	programs_on();
	asm volatile("mov $0x80000000, %%esp\n"
		     "push %%eax" : : : "memory");
}

CASE(segments_at_random, "", "? *")
{
	programs_on();
	for (u32 i = 0; i < 3000; i++) {
		u32 n = random32() % 32;
		u16 selector = (random32() % 40) << 3 | (random32() & 7);

		if (n == 12 || n == 13)
			continue;
		hcall(LOAD_GDT, n, random32(), random32(), 0);
		asm volatile("lar %1, %%eax\n"
			     "lsl %1, %%edx\n"
			     "verr %w1\n"
			     "verw %w1" : "=m"(trap)
			     : "r"((u32)selector) : "eax", "edx", "cc");
	}
}

static u16 selector_to_load;

static void load_gs(void)
{
	asm volatile("mov %0, %%gs\n"
		     "mov %%gs:0xfffffffc, %%eax\n"
		     "mov %%eax, %%gs:-1\n" : : "r"((u32)selector_to_load)
		     : "eax", "memory");
}

CASE(segments_with_wild_bases, "", "? *")
{
	programs_on();
	for (u32 i = 0; i < 500; i++) {
		hcall(LOAD_GDT, 27, random32(),
		      0x00cf9200 | (random32() & 0xff0000ff), 0);
		selector_to_load = 27 << 3;
		run_kernel(load_gs);
		demand(trap.vector == PF || trap.vector == ~0u);
	}
}

CASE(segments_kernel_code_gone, "", "1 lguest: unhandled trap 256 at 0x* (0x*)")
{
	hcall(LOAD_GDT, 12, 0, 0, 0);
	wait_for_death();
}

USER_CODE(user_syscall, "nop");

CASE(stacks_anywhere, "", "? *")
{
	static const u32 tops[] = { 0, 1, 4, 19, 20, 24, 0xffbfffff, 0xffc00000,
				    0xfffffffc, 0xffffffff, 0x80000000,
				    0x1000, 0x1001, 0x1fff };

	programs_on();
	map_page(0, PTE_KERNEL);
	map_page(0xffbff000, (u32)user_data | PTE_KERNEL);
	for (u32 i = 0; i < ARRAY_SIZE(tops); i++) {
		hcall(SET_STACK, KERNEL_DS, tops[i], 1, 0);
		run_user(user_syscall, USER_STACK, 0);
		demand(trap.vector == SYSCALL);
	}
}

CASE(noirq_everywhere, "", HARMLESS)
{
	/* Read at INIT, so it's too late; but we may try. */
	lguest_data.noirq_start = 0;
	lguest_data.noirq_end = ~0u;
	sleep_ms(5);
}

CASE(_noirq_everywhere, "", HARMLESS)
{
	lguest_data.noirq_start = 0;
	lguest_data.noirq_end = ~0u;
	begin();
	for (u32 i = 0; i < 100; i++) {
		hcall(CLOCKEVENT, 1000, 0, 0, 0);
		hcall(SEND_INTERRUPTS, 0, 0, 0, 0);
	}
}

CASE(no_interrupts_taken, "--rng", HARMLESS)
{
	lguest_data.irq_enabled = 0;
	lguest_data.blocked_interrupts = ~0u;
	for (u32 i = 0; i < 1000; i++)
		hcall(CLOCKEVENT, 1, 0, 0, 0);
}

CASE(clock_floods, "", HARMLESS)
{
	programs_on();
	lguest_data.irq_enabled = 0x200;
	for (u32 i = 0; i < 20000; i++) {
		hcall(CLOCKEVENT, 1, 0, 0, 0);
		lguest_data.irq_enabled = 0x200;
	}
}

/* ---- Programs ---- */

static void demand_trap(u32 vector, u32 error, u32 cr2)
{
	demand(trap.vector == vector);
	demand(trap.error == error);
	demand(trap.cs == USER_CS);
	demand(vector != PF || lguest_data.cr2 == cr2);
}

USER_CODE(user_read, "mov (%eax), %al");
USER_CODE(user_write, "movb $1, (%eax)");
USER_CODE(user_jump, "jmp *%eax");
USER_CODE(user_push, "mov %eax, %esp; push %eax");
USER_CODE(user_fs, "mov %eax, %edx; sub $0x10, %edx; mov 0x10(%edx), %cl");
USER_CODE(user_movs, "mov %eax, %esi; mov %esp, %edi; movsb");
USER_CODE(user_stos, "mov %eax, %edi; stosb");
USER_CODE(user_xlat, "mov %eax, %ebx; mov $0, %al; xlat");
USER_CODE(user_fxsave, "and $-16, %eax; fxsave (%eax)");
USER_CODE(user_fnsave, "fnsave (%eax)");
USER_CODE(user_bts, "mov $32, %ecx; sub $4, %eax; bts %ecx, (%eax)");
USER_CODE(user_cmpxchg, "lock cmpxchg8b (%eax)");
USER_CODE(user_movups, "movups (%eax), %xmm0");
USER_CODE(user_lss, "lss (%eax), %esp");
USER_CODE(user_far, "ljmp *(%eax)");
USER_CODE(user_enter, "mov %esp, %ebp; mov %eax, %ebp; enter $8, $2");

/* Programs get their address in eax: it's pushed first, by a detour. */
static u32 user_word __attribute__((section(".udata"), used));
USER_CODE(user_with_word, "mov user_word, %eax; jmp *user_target");
static u32 user_target __attribute__((section(".udata"), used));

static void run_with(void *code, u32 word)
{
	user_word = word;
	user_target = (u32)code;
	run_user(user_with_word, USER_STACK, 0);
}

/* For what may have no end. */
static void run_briefly_with(void *code, u32 word)
{
	user_word = word;
	user_target = (u32)code;
	run_user_for_a_ms(user_with_word, USER_STACK);
}

CASE(user_works, "", HARMLESS)
{
	programs_on();
	run_with(user_read, (u32)user_data);
	demand_trap(SYSCALL, 0, 0);
}

static const struct {
	u8 *code;
	u32 write;
} accesses[] = {
	{ user_read, 0 }, { user_write, 2 }, { user_fs, 0 }, { user_movs, 0 },
	{ user_stos, 2 }, { user_xlat, 0 }, { user_fnsave, 2 },
	{ user_cmpxchg, 2 }, { user_movups, 0 }, { user_bts, 2 },
	{ user_lss, 0 }, { user_far, 0 },
};

static void all_refused(u32 addr, u32 present)
{
	for (u32 i = 0; i < ARRAY_SIZE(accesses); i++) {
		run_with(accesses[i].code, addr);
		if (accesses[i].code == user_lss || accesses[i].code == user_far) {
			demand(trap.vector == PF);
			demand(trap.cs == USER_CS);
			continue;
		}
		demand_trap(PF, 4 | accesses[i].write | present, addr);
	}
	run_with(user_jump, addr);
	demand_trap(PF, 4 | present, addr);
	demand(trap.eip == addr);
}

CASE(user_reads_kernel, "", HARMLESS)
{
	static u8 secret[PAGE] __attribute__((aligned(PAGE)));

	programs_on();
	all_refused((u32)secret + 64, 1);
	all_refused((u32)secret + 64 + 0xc0000000, 1);
	all_refused((u32)&lguest_data, 1);
	all_refused((u32)page_directory, 1);
	all_refused(memory_end(), 1);
	/* Mapped in the kernel's window by now, or not yet: no difference. */
	run_with(user_push, (u32)secret + 68);
	demand(trap.vector == PF && trap.cs == USER_CS);
	for (u32 i = 0; i < sizeof(secret); i++)
		demand(!secret[i]);
}

CASE(user_reads_top, "", HARMLESS)
{
	programs_on();
	for (u32 addr = 0xffc00000; addr >= 0xffc00000; addr += 0x7f00f)
		all_refused(addr & -16, 0);
	all_refused(0xfffffff0, 0);
}

CASE(user_reads_holes, "", HARMLESS)
{
	programs_on();
	for (u32 addr = 0x40000000; addr < 0xc0000000; addr += 0x3fff000)
		all_refused(addr, 0);
}

/* Four bytes, of which the first are at the end of the window and the others
 * at its beginning; and the last below 4 GiB are nobody's. */
USER_CODE(user_read4, "mov (%eax), %ecx");
USER_CODE(user_write4, "mov %ecx, (%eax)");
USER_CODE(user_read16, "movdqu (%eax), %xmm1");
USER_CODE(user_rep_movs, "mov %eax, %edi; mov $user_data, %esi; mov $0x3000, %ecx; rep movsb");
USER_CODE(user_rep_stos, "mov %eax, %edi; mov $0x1000, %ecx; rep stosl");
USER_CODE(user_rep_lods, "mov %eax, %esi; mov $-1, %ecx; rep lodsb");
USER_CODE(user_rep_back, "std; mov %eax, %edi; mov $-1, %ecx; rep stosb");
USER_CODE(user_rep_scas, "mov %eax, %edi; mov $-1, %ecx; mov $0x5a, %al; repne scasb");
USER_CODE(user_rep_cmps, "mov %eax, %edi; mov %eax, %esi; mov $-1, %ecx; repe cmpsb");
USER_CODE(user_pusha, "mov %eax, %esp; pusha");
USER_CODE(user_popa, "mov %eax, %esp; popa");
USER_CODE(user_call, "mov %eax, %esp; call 1f; 1:");
USER_CODE(user_ret, "mov %eax, %esp; ret");
USER_CODE(user_leave, "mov %eax, %ebp; leave");
USER_CODE(user_iret, "mov %eax, %esp; iret");
USER_CODE(user_pushf, "mov %eax, %esp; pushf");
USER_CODE(user_fxrstor, "and $-16, %eax; fxrstor (%eax)");

static u8 *const edge_codes[] = {
	user_read4, user_write4, user_read16, user_rep_movs, user_rep_stos,
	user_rep_lods, user_rep_back, user_rep_scas, user_rep_cmps, user_pusha,
	user_popa, user_call, user_ret, user_leave, user_iret, user_pushf,
	user_push, user_fxsave, user_fxrstor, user_fnsave, user_bts,
	user_cmpxchg, user_enter, user_movups, user_lss, user_far, user_jump,
};
static const u32 edges[] = {
	0, 1, 2, 3, 4, 8, 15, 16, 28, 32, 0x1ff, 0x200, 0xffe, 0xfff, 0x1000,
	0x2ffe, 0x2fff, 0xffbffe00, 0xffbffff0, 0xffbffffd, 0xffbfffff,
	0xffc00000, 0xfffffe00, 0xfffffe10, 0xfffffff0, 0xfffffffc, 0xfffffffd,
	0xfffffffe, 0xffffffff, 0x7fffffff, 0x80000000, 0x80000001,
};

/* With the lowest pages and the highest that can be mapped; with only one of
 * them; with none. */
static void run_at_edges(void)
{
	for (u32 i = 0; i < ARRAY_SIZE(edge_codes); i++)
		for (u32 j = 0; j < ARRAY_SIZE(edges); j++) {
			run_briefly_with(edge_codes[i], edges[j]);
			demand(trap.cs == USER_CS);
			demand(trap.vector == PF || trap.vector == GP ||
			       trap.vector == 12 || trap.vector == 17 ||
			       trap.vector == 32 ||
			       trap.vector == SYSCALL ||
			       edge_codes[i] == user_jump ||
			       edge_codes[i] == user_ret ||
			       edge_codes[i] == user_iret);
		}
}

CASE(user_edges_mapped, "", HARMLESS)
{
	programs_on();
	for (u32 i = 0; i < 3; i++)
		map_user(i * PAGE, user_data + PAGE);
	map_user(0xffbff000, user_data + PAGE);
	run_at_edges();
}

CASE(user_edges_low, "", HARMLESS)
{
	programs_on();
	for (u32 i = 0; i < 3; i++)
		map_user(i * PAGE, user_data + PAGE);
	run_at_edges();
}

CASE(user_edges_unmapped, "", HARMLESS)
{
	programs_on();
	map_page(0, 0);
	run_at_edges();
}

/* The kernel may try as well: there's as little behind its window. */
static u32 kernel_edge;

static void kernel_reads_edge(void)
{
	asm volatile("mov (%0), %%eax" : : "r"(kernel_edge) : "eax");
}

static void kernel_moves_over_edge(void)
{
	u32 edi = kernel_edge, ecx = 0x2000;

	asm volatile("rep stosb" : "+D"(edi), "+c"(ecx) : : "memory");
}

CASE(kernel_edges, "", HARMLESS)
{
	programs_on();
	map_page(0xffbff000, (u32)user_data | PTE_KERNEL);
	for (kernel_edge = 0xffbffff0; kernel_edge > 0xffbff000;
	     kernel_edge += kernel_edge < 0xffc00000 ? 1 : 0x100f0) {
		run_kernel(kernel_reads_edge);
		demand(trap.vector == (kernel_edge > 0xffbffffc ? PF : ~0u));
		run_kernel(kernel_moves_over_edge);
		demand(trap.vector == PF);
	}
}

/* All that programs have tried, but for what would leave us without a stack. */
static u8 *const kernel_edge_codes[] = {
	user_read4, user_write4, user_read16, user_rep_movs, user_rep_stos,
	user_rep_lods, user_rep_back, user_rep_scas, user_rep_cmps, user_fxsave,
	user_fxrstor, user_fnsave, user_bts, user_cmpxchg, user_movups,
};
static u8 *kernel_edge_code;

static void kernel_at_edge(void)
{
	asm volatile("jmp *%1" : : "a"(kernel_edge), "r"(kernel_edge_code)
		     : "memory");
}

static void kernel_tries_edges(void)
{
	for (u32 i = 0; i < ARRAY_SIZE(kernel_edge_codes); i++)
		for (u32 j = 0; j < ARRAY_SIZE(edges); j++) {
			kernel_edge_code = kernel_edge_codes[i];
			kernel_edge = edges[j];
			run_kernel(kernel_at_edge);
			demand(trap.vector == PF || trap.vector == GP ||
			       trap.vector == SYSCALL);
		}
}

/* Low pages that are nothing to anybody, or none. */
CASE(kernel_edges_mapped, "", HARMLESS)
{
	programs_on();
	for (u32 i = 0; i < 3; i++)
		map_page(i * PAGE, (u32)(user_data + PAGE) | PTE_KERNEL);
	map_page(0xffbff000, (u32)(user_data + PAGE) | PTE_KERNEL);
	kernel_tries_edges();
}

CASE(kernel_edges_unmapped, "", HARMLESS)
{
	programs_on();
	for (u32 i = 0; i < 3; i++)
		map_page(i * PAGE, 0);
	kernel_tries_edges();
}

static void kernel_pushes_at_0(void)
{
	asm volatile("mov $0, %%esp\n"
		     "push %%eax" : : : "memory");
}

static void kernel_pops_at_4g(void)
{
	asm volatile("mov $0xfffffffe, %%esp\n"
		     "pop %%eax" : : : "memory");
}

CASE(kernel_esp_0, "", "~ *")
{
	programs_on();
	run_kernel(kernel_pushes_at_0);
}

CASE(kernel_esp_4g, "", "~ *")
{
	programs_on();
	run_kernel(kernel_pops_at_4g);
}

/* ---- What programs may not do ---- */

#define PRIVILEGED(name, code) USER_CODE(name, code)
PRIVILEGED(p_hlt, "hlt");
PRIVILEGED(p_cli, "cli");
PRIVILEGED(p_sti, "sti");
PRIVILEGED(p_in, "in $0x60, %al");
PRIVILEGED(p_out, "out %eax, %dx");
PRIVILEGED(p_insb, "insb");
PRIVILEGED(p_outsl, "rep outsl");
PRIVILEGED(p_cr0, "mov %cr0, %eax");
PRIVILEGED(p_cr3, "mov %eax, %cr3");
PRIVILEGED(p_cr4, "mov %eax, %cr4");
PRIVILEGED(p_dr7, "mov %eax, %dr7");
PRIVILEGED(p_dr0, "mov %dr0, %eax");
PRIVILEGED(p_rdmsr, "rdmsr");
PRIVILEGED(p_wrmsr, "wrmsr");
PRIVILEGED(p_lgdt, "lgdt user_data");
PRIVILEGED(p_lidt, "lidt user_data");
PRIVILEGED(p_lldt, "lldt %ax");
PRIVILEGED(p_ltr, "ltr %ax");
PRIVILEGED(p_lmsw, "lmsw %ax");
PRIVILEGED(p_clts, "clts");
PRIVILEGED(p_invlpg, "invlpg user_data");
PRIVILEGED(p_invd, "invd");
PRIVILEGED(p_wbinvd, "wbinvd");
PRIVILEGED(p_hypercall, "mov $2, %eax; int $0x1f");
PRIVILEGED(p_int13, "int $13");
PRIVILEGED(p_int14, "int $14");
PRIVILEGED(p_int32, "int $32");
PRIVILEGED(p_int2, "int $2");
PRIVILEGED(p_int255, "int $255");
PRIVILEGED(p_kernel_cs, "ljmp $0x61, $0x100000");
PRIVILEGED(p_kernel_ds, "mov $0x69, %eax; mov %eax, %ds");
PRIVILEGED(p_kernel_ss, "mov $0x69, %eax; mov %eax, %ss");
PRIVILEGED(p_null_ss, "mov $0, %eax; mov %eax, %ss");
PRIVILEGED(p_long_mode, "ljmp $0x33, $user_syscall");
PRIVILEGED(p_host_ds, "mov $0x2b, %eax; mov %eax, %es");
PRIVILEGED(p_ldt, "mov $0x7, %eax; mov %eax, %gs");
PRIVILEGED(p_far_ret, "push $0x61; push $0x100000; lret");
PRIVILEGED(p_iret_ring1, "pushf; push $0x61; push $0x100000; iret");
PRIVILEGED(p_iret_vm86, "push $0; push $0; push $0; push $0; push $0x7b; push %esp; push $0x20202; push $0x73; push $user_syscall; iret");

static u8 *const privileged[] = {
	p_hlt, p_cli, p_sti, p_in, p_out, p_insb, p_outsl, p_cr0, p_cr3, p_cr4,
	p_dr7, p_dr0, p_rdmsr, p_wrmsr, p_lgdt, p_lidt, p_lldt, p_ltr, p_lmsw,
	p_clts, p_invlpg, p_invd, p_wbinvd, p_hypercall, p_int13, p_int14,
	p_int32, p_int2, p_int255, p_kernel_cs, p_kernel_ds, p_kernel_ss,
	p_null_ss, p_long_mode, p_host_ds, p_ldt, p_far_ret, p_iret_ring1,
};

CASE(user_privileged, "", HARMLESS)
{
	programs_on();
	for (u32 i = 0; i < ARRAY_SIZE(privileged); i++) {
		run_with(privileged[i], 0);
		if (trap.vector != GP)
			fail((char[]){ 'p', 'r', 'i', 'v', '0' + i / 10,
				       '0' + i % 10, '\0' });
		demand(trap.cs == USER_CS);
	}
	run_with(p_iret_vm86, 0);
	demand(trap.cs == USER_CS);
}

/* What isn't a 32-bit processor's, though it's our machine's: syscall, VEX,
 * EVEX, MSRs by other names, what a virtual machine could do. */
#define NOT_OURS(name, bytes) USER_CODE(name, ".byte " bytes)
NOT_OURS(n_syscall, "0x0f, 0x05");
NOT_OURS(n_sysret, "0x0f, 0x07");
NOT_OURS(n_sysenter, "0x0f, 0x34");
NOT_OURS(n_sysexit, "0x0f, 0x35");
NOT_OURS(n_wrfsbase, "0xf3, 0x0f, 0xae, 0xd0");
NOT_OURS(n_wrgsbase, "0xf3, 0x0f, 0xae, 0xd8");
NOT_OURS(n_rdgsbase, "0xf3, 0x0f, 0xae, 0xc8");
NOT_OURS(n_swapgs, "0x0f, 0x01, 0xf8");
NOT_OURS(n_vmcall, "0x0f, 0x01, 0xc1");
NOT_OURS(n_vmmcall, "0x0f, 0x01, 0xd9");
NOT_OURS(n_xsetbv, "0x0f, 0x01, 0xd1");
NOT_OURS(n_xgetbv, "0x0f, 0x01, 0xd0");
NOT_OURS(n_wrpkru, "0x0f, 0x01, 0xef");
NOT_OURS(n_xrstor, "0x0f, 0xae, 0x2d, 0, 0, 0, 0");
NOT_OURS(n_vex, "0xc5, 0xf8, 0x77");
NOT_OURS(n_vex3, "0xc4, 0xe2, 0x7d, 0x18, 0x00");
NOT_OURS(n_evex, "0x62, 0xf1, 0x7c, 0x48, 0x28, 0xc0");
NOT_OURS(n_ud0, "0x0f, 0xff, 0xc0");
NOT_OURS(n_ud1, "0x0f, 0xb9, 0xc0");
NOT_OURS(n_ud2, "0x0f, 0x0b");
NOT_OURS(n_enclu, "0x0f, 0x01, 0xd7");
NOT_OURS(n_xbegin, "0xc7, 0xf8, 0, 0, 0, 0");
NOT_OURS(n_rsm, "0x0f, 0xaa");
NOT_OURS(n_lock_nop, "0xf0, 0x90");
NOT_OURS(n_mov_cs, "0x8e, 0xc8");
NOT_OURS(n_too_long, "0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, "
	 "0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x90");

static u8 *const not_ours[] = {
	n_syscall, n_sysret, n_sysenter, n_sysexit, n_wrfsbase, n_wrgsbase,
	n_rdgsbase, n_swapgs, n_vmcall, n_vmmcall, n_xsetbv, n_xgetbv,
	n_wrpkru, n_xrstor, n_vex, n_vex3, n_evex, n_ud0, n_ud1, n_ud2,
	n_enclu, n_xbegin, n_rsm, n_lock_nop, n_mov_cs, n_too_long,
};

CASE(user_not_ours, "", HARMLESS)
{
	programs_on();
	for (u32 i = 0; i < ARRAY_SIZE(not_ours); i++) {
		run_with(not_ours[i], (u32)user_data);
		if (trap.vector != UD && trap.vector != GP && trap.vector != PF)
			fail((char[]){ 'n', 'o', 't', '0' + i / 10,
				       '0' + i % 10, '\0' });
		demand(trap.cs == USER_CS);
	}
}

/* REX prefixes are inc and dec here: if ever one came out as it went in, r8 to
 * r15 would be anybody's. */
USER_CODE(user_rex, "mov $0x11, %eax\n.byte 0x4c, 0x89, 0xc0, 0x41, 0x89, 0xc4\n"
		    ".byte 0x49, 0x90, 0x45, 0x31, 0xf6, 0x4f, 0x87, 0xff");

CASE(user_rex_prefixes, "", HARMLESS)
{
	programs_on();
	for (u32 i = 0; i < 100; i++) {
		run_with(user_rex, 0);
		demand_trap(SYSCALL, 0, 0);
	}
}

/* Into the middle of everything: each byte of our own code as a start. */
CASE(user_jumps_anywhere, "", HARMLESS)
{
	programs_on();
	for (u8 *at = user_syscall; at < user_iret; at++) {
		if (at >= user_rep_movs && at < user_pusha)
			continue;
		run_briefly_with(at, (u32)user_data);
		demand(trap.cs == USER_CS);
	}
}

USER_CODE(flood_syscalls, "1: int $0x80; jmp 1b");
USER_CODE(flood_int3, "1: int3; jmp 1b");
USER_CODE(flood_ud2, "ud2");
USER_CODE(flood_pages, "movl $0, 0x80000000");
USER_CODE(flood_divide, "xor %ecx, %ecx; div %ecx");
USER_CODE(flood_step, "pushf; orl $0x100, (%esp); popf; 1: nop; jmp 1b");
USER_CODE(flood_privileged, "cli");

CASE(user_floods, "", HARMLESS)
{
	programs_on();
	run_user(flood_syscalls, USER_STACK, 1000000);
	run_user(flood_int3, USER_STACK, 100000);
	run_user(flood_ud2, USER_STACK, 20000);
	run_user(flood_pages, USER_STACK, 20000);
	run_user(flood_divide, USER_STACK, 20000);
	run_user(flood_privileged, USER_STACK, 20000);
	run_user(flood_step, USER_STACK, 20000);
	demand(trap.vector == 1);
}

/* A megabyte of noise, entered anywhere. */
CASE(user_garbage_code, "", HARMLESS)
{
	u32 *garbage = (u32 *)0x800000, words = 0x100000 / 4;

	programs_on();
	for (u32 i = 0; i < words; i++)
		garbage[i] = random32();
	for (u32 i = 0; i < words * 4; i += PAGE)
		map_user(0x50000000 + i, (u8 *)garbage + i);
	for (u32 i = 0; i < 20000; i++) {
		run_user_for_a_ms((u8 *)0x50000000 + random32() % (words * 4),
				  USER_STACK);
		demand(trap.cs == USER_CS);
	}
}

/* The same while a device writes more of it there. */
CASE(user_runs_what_is_written, "--rng", HARMLESS)
{
	static struct device rng;
	struct queue *q = &rng.vq[0];

	programs_on();
	find_device(RNG, &rng);
	start_device(&rng, 0);
	q->avail->flags = 1;
	set_desc(q, 0, (u32)user_data + PAGE, PAGE, DESC_WRITE, 0);
	for (u32 i = 0; i < 3000; i++) {
		if (q->used->idx == q->avail->idx) {
			make_available(q, 0);
			kick(q);
		}
		run_user_for_a_ms(user_data + PAGE + random32() % PAGE,
				  (u32)user_data + PAGE);
		demand(trap.cs == USER_CS);
	}
	demand(q->used->idx);
}

/* Code without end, all different: a quarter of a million bits of it, and
 * then other ones in their place. */
USER_CODE(user_walk, "mov $0x50000000, %eax\n"
		     "1: call *%eax\n"
		     "add $0x40, %eax\n"
		     "cmp $0x50400000, %eax\n"
		     "jne 1b");

static void plant_returns(u32 round)
{
	for (u32 at = 0x800000; at < 0xc00000; at += 0x40) {
		*(u8 *)at = 0xb9;	/* mov $..., %ecx */
		*(u32 *)(at + 1) = round ^ at;
		for (u32 i = 5; i < 0x3f; i++)
			((u8 *)at)[i] = 0x90;
		((u8 *)at)[0x3f] = 0xc3;
	}
}

CASE(user_code_without_end, "", HARMLESS)
{
	programs_on();
	for (u32 i = 0; i < 0x400000; i += PAGE)
		map_user(0x50000000 + i, (u8 *)0x800000 + i);
	for (u32 round = 0; round < 12; round++) {
		plant_returns(round);
		run_user(user_walk, USER_STACK, 0);
		demand_trap(SYSCALL, 0, 0);
	}
}

/* An eighth of a gigabyte of it at a time, each byte translated: pages that are
 * all the same four megabytes, which are other code each time.  The runner says
 * how often; the code cache is filled several times by each. */
#define GARBAGE 0x800000u
#define GARBAGE_END 0xc00000u
#define LONG_STORE 11u
USER_CODE(user_strides, "mov $0x40000000, %esi\n"
			"xor %eax, %eax\n"
			"xor %edi, %edi\n"
			"1: call *%esi\n"
			"add $0x1000, %esi\n"
			"cmp $0x48000000, %esi\n"
			"jne 1b");

/* Stores of any value to somewhere in a page, and a return. */
static void plant_stores(u8 *page)
{
	u8 *at;

	for (at = page; at < page + PAGE - LONG_STORE; at += LONG_STORE) {
		at[0] = 0xc7;
		at[1] = 0x84;
		at[2] = 0x07;
		*(u32 *)(at + 3) = (u32)user_data + random32() % (PAGE - 4);
		*(u32 *)(at + 7) = random32();
	}
	*at = 0xc3;
}

CASE(_garbage, "", "")
{
	begin();
	programs_on();
	for (u32 page = GARBAGE; page < GARBAGE_END; page += PAGE)
		map_user(0x40000000 + page - GARBAGE, (u8 *)page);
	for (u32 i = 0x40000000 >> 22; i < 0x48000000 >> 22; i++) {
		page_directory[i] = page_directory[0x40000000 >> 22];
		hcall(SET_PGD, (u32)page_directory, i, 0, 0);
	}
	for (u32 round = argument(0); round; round--) {
		for (u32 page = GARBAGE; page < GARBAGE_END; page += PAGE)
			plant_stores((u8 *)page);
		run_user(user_strides, USER_STACK, 0);
		demand_trap(SYSCALL, 0, 0);
	}
}

/* Code that changes itself, the instruction after the next. */
USER_CODE(user_changes_itself,
	  "mov $100000, %ecx\n"
	  "1: mov %cl, user_rwx + 6\n"
	  "mov $user_rwx, %eax\n"
	  "call *%eax\n"
	  "loop 1b");
static u8 user_rwx[64] __attribute__((section(".udata"), used)) = {
	0x90, 0x90, 0x90, 0x90, 0x90, 0xb0, 0x00, 0xc3,
};

CASE(user_self_modifying, "", HARMLESS)
{
	programs_on();
	run_user(user_changes_itself, USER_STACK, 0);
	demand_trap(SYSCALL, 0, 0);
	demand((trap.eax & 0xff) == 1);
}
