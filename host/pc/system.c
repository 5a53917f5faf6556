/*H:720 What only a kernel may do. */
#include "machine.h"

#define OP_IN 0xe4	/* and e5; ec and ed with the port in dx */
#define OP_OUT 0xe6

static void done(struct pc *pc, const struct x86_insn *insn)
{
	pc->cpu.eip += insn->len;
}

static void refuse(struct pc *pc)
{
	x86_trap(&pc->cpu, X86_GP, 0, 0);
}

void pc_enter_ring(struct pc *pc, bool user)
{
	pc->cpu.user = user;
	windows_enter(pc->windows, pc->root, user);
}
/*:*/

/*H:722 Control registers.
 *
 * cr3 is the root of the page tables.  Loading it tells the processor to forget
 * what it has read of them, except of pages marked global, which are the
 * kernel's and the same everywhere; for us that means the user's half.  To have
 * the rest forgotten as well, a kernel turns CR4.PGE off and on again.  (Once is
 * enough: between the two there's a single instruction.) */
static void forget_user_half(struct pc *pc)
{
	u32 end = pc->cr4 & CR4_PGE ? pc->cpu.global_start : 0;

	if (pc->root == WINDOWS_LINEAR)
		return;
	if (end)
		windows_flush_range(pc->windows, pc->root, 0, end);
	else
		windows_flush_all(pc->windows);
}

static void change_root(struct pc *pc)
{
	u64 old = pc->root;

	pc->root = pc_root(pc);
	if (pc->root != old)
		windows_enter(pc->windows, pc->root, pc->cpu.user);
	if (old == WINDOWS_LINEAR && pc->root != old)
		windows_forget(pc->windows, WINDOWS_LINEAR);
}

static void set_cr3(struct pc *pc, u32 value)
{
	pc->cr3 = value;
	if (!(pc->cr0 & CR0_PG))
		return;
	pc->root = pc_root(pc);
	forget_user_half(pc);
	windows_enter(pc->windows, pc->root, pc->cpu.user);
}

static void set_cr0(struct pc *pc, u32 value)
{
	u32 changed = pc->cr0 ^ value;

	if (!(value & CR0_PE)) {
		pc_die(pc, "the Guest goes back to 1978: real mode at %#x",
		       pc->cpu.eip);
		return;
	}
	pc->cr0 = value | CR0_ET;
	x86_set_ts(&pc->cpu, value & CR0_TS);
	if (changed & CR0_PG)
		change_root(pc);
	if (changed & (CR0_PG | CR0_WP))
		windows_flush_all(pc->windows);
}

static void set_cr4(struct pc *pc, u32 value)
{
	u32 gone = pc->cr4 & ~value, changed = pc->cr4 ^ value;

	pc->cr4 = value;
	if (!(pc->cr0 & CR0_PG))
		return;
	if (changed & CR4_PAE)
		change_root(pc);
	if (gone & CR4_PGE || changed & (CR4_PAE | CR4_PSE))
		windows_flush_all(pc->windows);
}

static void write_cr(struct pc *pc, unsigned number, u32 value)
{
	switch (number) {
	case 0:
		set_cr0(pc, value);
		break;
	case 2:
		pc->cr2 = value;
		break;
	case 3:
		set_cr3(pc, value);
		break;
	default:
		set_cr4(pc, value);
	}
}

static u32 read_cr(const struct pc *pc, unsigned number)
{
	switch (number) {
	case 0:
		return (pc->cr0 & ~CR0_TS) | (x86_ts(&pc->cpu) ? CR0_TS : 0);
	case 2:
		return pc->cr2;
	case 3:
		return pc->cr3;
	default:
		return pc->cr4;
	}
}

/* Each of four breakpoints has two bits of dr7, on for a thread or for all. */
#define DR7_ENABLED 0xffu

static void write_dr(struct pc *pc, unsigned number, u32 value)
{
	pc->dr[number] = value;
	if (number == 7 && value & DR7_ENABLED)
		pc_note(pc, &pc->told_of_watch,
			"the Guest wants debug registers to watch for "
			"something: nobody does that here");
}

/* 0f 20 to 23: mov from and to cr, dr.  The move comes first, so that whatever
 * it sets off finds the next instruction at eip. */
static void move_register(struct pc *pc, const struct x86_insn *insn)
{
	u32 value = pc->cpu.regs[insn->rm];

	done(pc, insn);
	switch (insn->opcode) {
	case 0x20:
		pc->cpu.regs[insn->rm] = read_cr(pc, insn->reg);
		break;
	case 0x21:
		pc->cpu.regs[insn->rm] = pc->dr[insn->reg];
		break;
	case 0x22:
		write_cr(pc, insn->reg, value);
		break;
	case 0x23:
		write_dr(pc, insn->reg, value);
		break;
	}
}
/*:*/

/*H:724 Model-specific registers.  Of these a PC's kernel wants to know very few,
 * and bears it if there are none, except in places where it's too early for it
 * to bear anything: then zero will do. */
#define MSR_TSC 0x10u
#define MSR_PLATFORM_ID 0x17u
#define MSR_UCODE_REV 0x8bu
#define MSR_MCG_CAP 0x179u
#define MSR_MCG_STATUS 0x17au
#define MSR_MISC_ENABLE 0x1a0u
#define FAST_STRINGS 0x1u

static void read_msr(struct pc *pc, const struct x86_insn *insn)
{
	u64 value = 0, *regs = pc->cpu.regs;

	switch ((u32)regs[X86_ECX]) {
	case MSR_TSC:
		value = __builtin_ia32_rdtsc();
		break;
	case MSR_PLATFORM_ID:
	case MSR_UCODE_REV:
	case MSR_MCG_CAP:
	case MSR_MCG_STATUS:
		break;
	case MSR_MISC_ENABLE:
		value = FAST_STRINGS;
		break;
	default:
		refuse(pc);
		return;
	}
	regs[X86_EAX] = (u32)value;
	regs[X86_EDX] = value >> 32;
	done(pc, insn);
}

static void write_msr(struct pc *pc, const struct x86_insn *insn)
{
	if ((u32)pc->cpu.regs[X86_ECX] == MSR_UCODE_REV)
		done(pc, insn);
	else
		refuse(pc);
}
/*:*/

/*H:726 Tables: lgdt, lidt, lldt, ltr; and what else lives at 0f 00 and 0f 01. */
#define TYPE_LDT 2u
#define TYPE_TSS 9u

/* The first thing that a kernel does when it's unpacked is to load a GDT of its
 * own; and before it does so we may have to tell that it's there. */
static bool is_watched(struct pc *pc)
{
	if (!pc->watched || (pc->cpu.eip & PAGE_MASK) != pc->watched)
		return false;
	pc->watched = 0;
	pc_tell(pc, PC_UNPACKED);
	return true;
}

static void load_table(struct pc *pc, const struct x86_insn *insn,
		       struct pc_table *table)
{
	u32 lin = x86_operand_address(&pc->cpu, insn);
	u16 limit;
	u32 base;

	if (is_watched(pc))
		return;
	if (!x86_read(&pc->cpu, lin, &limit, 2) ||
	    !x86_read(&pc->cpu, lin + 2, &base, 4))
		return;
	table->limit = limit;
	table->base = insn->opsize16 ? base & 0xffffff : base;
	pc->gate_cs = pc->stack_ss = 0;
	done(pc, insn);
}

static void load_system(struct pc *pc, const struct x86_insn *insn,
			struct pc_table *table, u32 type)
{
	u16 selector = pc->cpu.regs[insn->rm];

	if (insn->mem && !x86_read(&pc->cpu,
				   x86_operand_address(&pc->cpu, insn),
				   &selector, 2))
		return;
	if (pc_load_system(pc, table, selector, type))
		done(pc, insn);
}

static void load_machine_status(struct pc *pc, const struct x86_insn *insn)
{
	u16 value = pc->cpu.regs[insn->rm];

	if (insn->mem && !x86_read(&pc->cpu,
				   x86_operand_address(&pc->cpu, insn),
				   &value, 2))
		return;
	done(pc, insn);
	/* The low four bits; PE can be set by this but not cleared. */
	set_cr0(pc, (pc->cr0 & ~0xeu) | (value & 0xf));
}

static void invalidate_page(struct pc *pc, const struct x86_insn *insn)
{
	u32 lin = x86_operand_address(&pc->cpu, insn);

	done(pc, insn);
	windows_flush_page(pc->windows, pc->root, lin);
}

static void group_0f01(struct pc *pc, const struct x86_insn *insn)
{
	if (insn->reg == 6)
		load_machine_status(pc, insn);
	else if (insn->reg == 7)
		invalidate_page(pc, insn);
	else
		load_table(pc, insn, insn->reg == 2 ? &pc->gdt : &pc->idt);
}
/*:*/

/*H:728 hlt.  The run loop sees to it that we sleep. */
static void halt(struct pc *pc, const struct x86_insn *insn)
{
	done(pc, insn);
	pc->halted = true;
	x86_stop(&pc->cpu);
}

/* sti, where translated code leaves it to us: hlt may come next, and then the
 * interrupt must wait for it. */
static void enable_interrupts(struct pc *pc, const struct x86_insn *insn)
{
	u32 error, address;
	u8 next = 0;

	done(pc, insn);
	x86_access(&pc->cpu, pc->cpu.eip, &next, 1, 0, &error, &address);
	if (next == 0xf4)
		pc->cpu.interrupt_flag = X86_FLAG_IF;
	else
		pc_set_interrupt_flag(pc, true);
}

static void clear_ts(struct pc *pc, const struct x86_insn *insn)
{
	done(pc, insn);
	set_cr0(pc, pc->cr0 & ~CR0_TS);
}

static void system_0f(struct pc *pc, const struct x86_insn *insn)
{
	switch (insn->opcode) {
	case 0x00:
		if (insn->reg == 2)
			load_system(pc, insn, &pc->ldt, TYPE_LDT);
		else
			load_system(pc, insn, &pc->tss, TYPE_TSS);
		break;
	case 0x01:
		group_0f01(pc, insn);
		break;
	case 0x06:
		clear_ts(pc, insn);
		break;
	case 0x08:
	case 0x09:	/* invd, wbinvd: our caches are coherent */
		done(pc, insn);
		break;
	case 0x20 ... 0x23:
		move_register(pc, insn);
		break;
	case 0x30:
		write_msr(pc, insn);
		break;
	case 0x32:
		read_msr(pc, insn);
		break;
	default:
		refuse(pc);
	}
}
/*:*/

/*H:730 Ports.  The size is in the opcode, the port behind it or in dx. */
static unsigned port_size(const struct x86_insn *insn)
{
	return insn->opcode & 1 ? insn->opsize16 ? 2 : 4 : 1;
}

static u16 port_of(const struct pc *pc, const struct x86_insn *insn)
{
	return insn->opcode & 8 ? pc->cpu.regs[X86_EDX] : insn->imm & 0xff;
}

static void port_io(struct pc *pc, const struct x86_insn *insn)
{
	unsigned size = port_size(insn);
	u16 port = port_of(pc, insn);

	done(pc, insn);
	if ((insn->opcode & ~9) == OP_IN)
		x86_put_reg(&pc->cpu, X86_EAX, size, pc_in(pc, port, size));
	else
		pc_out(pc, port, size,
		       x86_get_reg(&pc->cpu, X86_EAX, size));
}

/* ins and outs: one round each time, since hardly anybody does it. */
static bool string_round(struct pc *pc, const struct x86_insn *insn)
{
	struct x86_cpu *cpu = &pc->cpu;
	unsigned size = port_size(insn);
	bool out = insn->opcode >= 0x6e;
	int reg = out ? X86_ESI : X86_EDI, wide = insn->addr16 ? 2 : 4;
	int seg = insn->seg == X86_NO_SEG ? X86_DS : insn->seg;
	u32 at = x86_get_reg(cpu, reg, wide), value = 0;
	u16 port = cpu->regs[X86_EDX];

	if (out) {
		if (!x86_read(cpu, cpu->seg[seg].base + at, &value, size))
			return false;
		pc_out(pc, port, size, value);
	} else {
		value = pc_in(pc, port, size);
		if (!x86_write(cpu, at, &value, size))
			return false;
	}
	at += x86_eflags(cpu) & X86_FLAG_DF ? -size : size;
	x86_put_reg(cpu, reg, wide, at);
	return true;
}

static void port_string(struct pc *pc, const struct x86_insn *insn)
{
	int wide = insn->addr16 ? 2 : 4;
	u32 count = x86_get_reg(&pc->cpu, X86_ECX, wide);

	if (insn->rep && !count) {
		done(pc, insn);
		return;
	}
	if (!string_round(pc, insn))
		return;
	if (insn->rep)
		x86_put_reg(&pc->cpu, X86_ECX, wide, count - 1);
	if (!insn->rep || count == 1)
		done(pc, insn);
}

static void system_one_byte(struct pc *pc, const struct x86_insn *insn)
{
	switch (insn->opcode) {
	case 0x6c ... 0x6f:
		port_string(pc, insn);
		break;
	case 0xe4 ... 0xe7:
	case 0xec ... 0xef:
		port_io(pc, insn);
		break;
	case 0xf4:
		halt(pc, insn);
		break;
	case 0xfa:
		done(pc, insn);
		pc->cpu.interrupt_flag = 0;
		break;
	case 0xfb:
		enable_interrupts(pc, insn);
		break;
	default:
		refuse(pc);
	}
}

/*:*/

/*H:731 A program has little business here, unless its kernel says otherwise
 * (SDM 1:19.5).  With an IOPL of 3 it may use all ports, and cli and sti.
 * Without, there may be a map behind the task state segment with a bit for each
 * port, where ones are refusals.  Two bytes of it are looked at each time, since
 * a wide access may need a bit of the next, and both must be within the limit.
 *
 * All of this comes before the instruction does anything, so that even no round
 * of "rep ins" is refused. */
#define TSS_MAP_AT 102u

static bool read_tss(struct pc *pc, u32 offset, u16 *word)
{
	u32 error, address;

	if (offset + 1 > pc->tss.limit) {
		refuse(pc);
		return false;
	}
	if (x86_access(&pc->cpu, pc->tss.base + offset, word, sizeof(*word), 0,
		       &error, &address))
		return true;
	x86_trap(&pc->cpu, X86_PF, error, address);
	return false;
}

static bool map_permits(struct pc *pc, const struct x86_insn *insn)
{
	u16 map, bits, port = port_of(pc, insn);

	if (!read_tss(pc, TSS_MAP_AT, &map) ||
	    !read_tss(pc, map + port / 8u, &bits))
		return false;
	if (!(bits >> port % 8 & ((1u << port_size(insn)) - 1)))
		return true;
	refuse(pc);
	return false;
}

static bool may_run(struct pc *pc, const struct x86_insn *insn)
{
	bool flag = insn->opcode == 0xfa || insn->opcode == 0xfb;

	if (!pc->cpu.user)
		return true;
	if (insn->map == 0 && insn->opcode != 0xf4) {
		if (pc_has_io_privilege(pc))
			return true;
		if (!flag)
			return map_permits(pc, insn);
	}
	refuse(pc);
	return false;
}

void pc_privileged(struct x86_cpu *cpu, const struct x86_insn *insn)
{
	struct pc *pc = pc_of(cpu);

	if (!may_run(pc, insn))
		return;
	if (insn->map == 1)
		system_0f(pc, insn);
	else
		system_one_byte(pc, insn);
}
/*:*/

/*H:732 Which processor is this?  One with few secrets: what it can't do, it
 * doesn't show.  Three things are worth a word.
 *
 *  - It calls itself an early Atom, an honest model number: those execute
 *    everything in order and don't speculate, so that a kernel needs none of its
 *    costly defences.  Neither does it here: the kernel's memory isn't within
 *    reach of a program, not even in thought.
 *  - It tells how fast its time stamp counter is (leaf 0x15), which spares the
 *    Guest to find out against the timer.
 *  - It admits to be virtual, or else Linux tries to update its microcode. */
#define CPUID_MAX 0x16u
#define CPUID_EXTENDED 0x80000000u
#define CPUID_MAX_EXTENDED 0x80000008u
#define SIGNATURE 0x000106cau

/* FPU TSC MSR PAE MCE CX8 PGE MCA CMOV MMX FXSR SSE SSE2; machine checks are for
 * a kernel that would complain if there were none, but here none ever happen. */
#define FEATURES_EDX 0x0780e1f1u
/* Asked of the machine: SSE3 SSSE3 SSE4.1 SSE4.2 POPCNT RDRAND; ours: virtual */
#define FEATURES_ECX 0x40980201u
#define FEATURE_VIRTUAL 0x80000000u
#define INVARIANT_TSC 0x100u

static void set_words(u32 out[4], u32 eax, u32 ebx, u32 ecx, u32 edx)
{
	out[0] = eax;
	out[1] = ebx;
	out[2] = ecx;
	out[3] = edx;
}

static void clock_leaf(const struct pc *pc, u32 out[4])
{
	/* In units that fit 32 bits: half of it, if it's faster than 4 GHz. */
	u64 hz = pc->tsc_khz * 1000ull, half = hz >> 32 ? 2 : 1;

	set_words(out, 1, half, hz / half, 0);
}

void pc_cpuid(struct x86_cpu *cpu, u32 leaf, u32 subleaf, u32 out[4])
{
	struct pc *pc = pc_of(cpu);

	set_words(out, 0, 0, 0, 0);
	switch (leaf) {
	case 0:
		set_words(out, CPUID_MAX, 0x756e6547, 0x6c65746e, 0x49656e69);
		break;
	case 1:
		x86_host_cpuid(1, 0, out);
		set_words(out, SIGNATURE, 0,
			  (out[2] & FEATURES_ECX) | FEATURE_VIRTUAL,
			  FEATURES_EDX);
		break;
	case 2:
		x86_host_cpuid(2, 0, out);
		break;
	case 4:
		x86_host_cpuid(4, subleaf, out);
		out[0] &= 0x3fff;	/* caches are nobody else's */
		break;
	case 0x15:
		clock_leaf(pc, out);
		break;
	case 0x16:
		out[0] = out[1] = pc->tsc_khz / 1000;
		break;
	case CPUID_EXTENDED:
		out[0] = CPUID_MAX_EXTENDED;
		break;
	case CPUID_EXTENDED + 2 ... CPUID_EXTENDED + 4:
		x86_host_cpuid(leaf, 0, out);
		break;
	case CPUID_EXTENDED + 7:
		out[3] = pc->tsc_is_trusted ? INVARIANT_TSC : 0;
		break;
	case CPUID_EXTENDED + 8:
		out[0] = 0x2020;	/* bits of addresses */
		break;
	}
}
/*:*/
