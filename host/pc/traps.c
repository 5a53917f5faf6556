/*H:760 Interrupts and traps, as a PC has them.
 *
 * The IDT, the GDT and the task state segment are in the Guest's memory, and are
 * read when they're used.  That is more work than to keep copies, but a PC's
 * kernel never says that it has changed them. */
#include <errno.h>
#include <linux/futex.h>
#include <sys/syscall.h>

#include "machine.h"
#include "patience.h"
#include "raw.h"

#define BIT(n) (1u << (n))
#define HAVE_ERROR_CODE                                                        \
	(BIT(X86_DF) | BIT(X86_TS) | BIT(X86_NP) | BIT(X86_SS_FAULT) |         \
	 BIT(X86_GP) | BIT(X86_PF) | BIT(X86_AC))
#define ARE_TRAPS (BIT(X86_DB) | BIT(X86_BP) | BIT(X86_OF))

/* The bits of dr6 that are no cause of a #DB, and always set. */
#define DR6_ONES 0xffff0ff0u

/* A gate (SDM 3A:6.11). */
#define GATE_SIZE 8u
#define GATE_PRESENT 0x8000u
#define GATE_TYPE(high) ((high) >> 8 & 31)
#define GATE_DPL(high) ((high) >> 13 & 3)
#define INTERRUPT_GATE 14u
#define TRAP_GATE 15u

/* Where the stack for ring 0 stands in a task state segment (SDM 3A:7.2.1). */
#define TSS_ESP0 4u

struct gate {
	u32 address;
	u16 selector;
	u32 high;
};

/* The tables are read with the rights of the kernel, whoever is running. */
static bool read_table(struct pc *pc, const struct pc_table *table, u32 offset,
		       void *buf, u32 len)
{
	u32 error, address;

	return offset + len - 1 <= table->limit &&
	       x86_access(&pc->cpu, table->base + offset, buf, len, 0, &error,
			  &address);
}

/* Is @selector the kernel's, for @seg?  @known: the last one that was. */
static bool is_good(struct pc *pc, int seg, u16 selector, u16 *known)
{
	if (selector == *known && selector)
		return true;
	if (pc_segment_fault(pc, seg, selector, 0))
		return false;
	*known = selector;
	return true;
}

/* Whatever comes of it, the kernel is next: in its window the tables are at hand
 * without a walk. */
static bool read_gate(struct pc *pc, u8 vector, struct gate *gate)
{
	u32 words[2], type;

	windows_enter(pc->windows, pc->root, false);
	if (!read_table(pc, &pc->idt, vector * GATE_SIZE, words, GATE_SIZE))
		return false;
	gate->address = (words[0] & 0xffff) | (words[1] & 0xffff0000);
	gate->selector = words[0] >> 16 & ~X86_RPL;
	gate->high = words[1];
	type = GATE_TYPE(words[1]);
	return words[1] & GATE_PRESENT &&
	       (type == INTERRUPT_GATE || type == TRAP_GATE) &&
	       is_good(pc, X86_CS, gate->selector, &pc->gate_cs);
}
/*:*/

/*H:762 Into the kernel: a few words on its stack, and on at the gate's address.
 * If a program was interrupted, the stack is the one in the task state segment.
 *
 * A processor that can't do this tries a double fault, and if that fails too it
 * shuts down, which a PC takes for a reset.  A Guest that gets there has lost
 * its way long before; so it dies, and the user is told where. */
struct frame {
	u32 error, eip, cs, eflags, esp, ss;
};

static bool kernel_stack(struct pc *pc, u32 *esp)
{
	u32 stack[2];

	if (!read_table(pc, &pc->tss, TSS_ESP0, stack, sizeof(stack)))
		return false;
	*esp = stack[0];
	pc->cpu.seg[X86_SS].selector = stack[1];
	return is_good(pc, X86_SS, stack[1], &pc->stack_ss);
}

static bool push_frame(struct pc *pc, const struct frame *frame, bool outer,
		       bool has_error)
{
	const u32 *first = has_error ? &frame->error : &frame->eip;
	const u32 *end = outer ? &frame->ss + 1 : &frame->esp;
	u32 len = (end - first) * sizeof(*first);
	u32 esp = pc->cpu.regs[X86_ESP] - len, error, address;

	if (!x86_access(&pc->cpu, esp, (void *)first, len, X86_WRITE, &error,
			&address))
		return false;
	pc->cpu.regs[X86_ESP] = esp;
	return true;
}

static void enter_gate(struct pc *pc, const struct gate *gate)
{
	struct x86_cpu *cpu = &pc->cpu;

	cpu->eip = gate->address;
	cpu->seg[X86_CS].selector = gate->selector;
	x86_set_eflags(cpu, x86_eflags(cpu) & ~(X86_FLAG_TF | X86_FLAG_NT));
	if (GATE_TYPE(gate->high) == INTERRUPT_GATE)
		cpu->interrupt_flag = 0;
}

static bool deliver(struct pc *pc, const struct gate *gate, u32 resume,
		    bool has_error, u32 error)
{
	struct x86_cpu *cpu = &pc->cpu;
	bool outer = cpu->user;
	struct frame frame = {
		error, cpu->eip, cpu->seg[X86_CS].selector,
		x86_eflags(cpu) | cpu->interrupt_flag | resume,
		cpu->regs[X86_ESP], cpu->seg[X86_SS].selector,
	};
	u32 esp;

	if (outer) {
		pc_enter_ring(pc, false);
		if (!kernel_stack(pc, &esp))
			return false;
		cpu->regs[X86_ESP] = esp;
	}
	if (!push_frame(pc, &frame, outer, has_error))
		return false;
	enter_gate(pc, gate);
	return true;
}

static void shut_down(struct pc *pc, u8 vector, u32 error)
{
	pc_die(pc, "triple fault: vector %u at %#x (error %#x, cr2 %#x) "
		   "couldn't be delivered",
	       vector, pc->cpu.eip, error, pc->cr2);
}

void pc_trap(struct x86_cpu *cpu, u8 vector, u32 error, u32 address)
{
	struct pc *pc = pc_of(cpu);
	u32 resume = BIT(vector) & ARE_TRAPS ? 0 : X86_FLAG_RF;
	struct gate gate;

	if (vector == X86_PF)
		pc->cr2 = address;
	if (vector == X86_DB)
		pc->dr[6] |= DR6_ONES | address;
	if (!read_gate(pc, vector, &gate) ||
	    !deliver(pc, &gate, resume, BIT(vector) & HAVE_ERROR_CODE, error))
		shut_down(pc, vector, error);
}

/* The error code of a refusal is the vector in the form of a selector. */
void pc_software_interrupt(struct x86_cpu *cpu, u8 vector, unsigned len)
{
	struct pc *pc = pc_of(cpu);
	struct gate gate;

	if (!read_gate(pc, vector, &gate) ||
	    GATE_DPL(gate.high) < pc_ring(pc)) {
		pc_trap(cpu, X86_GP, vector * 8u + 2u, 0);
		return;
	}
	cpu->eip += len;
	if (!deliver(pc, &gate, 0, false, 0))
		shut_down(pc, vector, 0);
}
/*:*/

/*H:764 And back: iret (SDM 2A).  From ring 0 to ring 0 it takes three words off
 * the stack, to ring 3 five.  There are no tasks here, and no 8086: a kernel that
 * wants one for a program is told so by a #GP. */
#define FRAME_OUTER 5u

static bool read_frame(struct x86_cpu *cpu, u32 *words, unsigned n, bool op16)
{
	u32 esp = cpu->regs[X86_ESP];
	u16 halves[FRAME_OUTER];

	if (!op16)
		return x86_read(cpu, esp, words, n * 4);
	if (!x86_read(cpu, esp, halves, n * 2))
		return false;
	for (unsigned i = 0; i < n; i++)
		words[i] = halves[i];
	return true;
}

/* All five in one go if they're in one page.  Otherwise the last two mustn't be
 * looked at before we know that they are meant. */
static bool read_whole_frame(struct pc *pc, u32 *frame, bool op16)
{
	struct x86_cpu *cpu = &pc->cpu;
	u32 left = PAGE_SIZE - (cpu->regs[X86_ESP] & ~PAGE_MASK);

	if (left >= FRAME_OUTER * 4)
		return read_frame(cpu, frame, FRAME_OUTER, op16);
	return read_frame(cpu, frame, 3, op16) &&
	       ((frame[1] & 3) == pc_ring(pc) ||
		read_frame(cpu, frame, FRAME_OUTER, op16));
}

static bool check_selectors(struct pc *pc, const u32 *frame)
{
	u32 from = pc_ring(pc), to = frame[1] & 3;
	u16 selector = frame[1];
	u8 vector = X86_GP;

	if (to == from || to == 3)
		vector = pc_segment_fault(pc, X86_CS, selector, to);
	if (!vector && to != from) {
		selector = frame[4];
		vector = pc_segment_fault(pc, X86_SS, selector, to);
	}
	if (vector)
		pc_trap(&pc->cpu, vector, selector & ~3u, 0);
	return !vector;
}

static void return_to(struct pc *pc, const u32 *frame, bool op16)
{
	struct x86_cpu *cpu = &pc->cpu;
	bool outwards = (frame[1] & 3) != pc_ring(pc);

	cpu->eip = frame[0];
	cpu->seg[X86_CS].selector = frame[1];
	pc_change_eflags(cpu, frame[2], op16 ? 0xffff : ~0u);
	if (!outwards) {
		cpu->regs[X86_ESP] = (u32)(cpu->regs[X86_ESP] +
					   (op16 ? 6 : 12));
		pc_enter_ring(pc, cpu->user);
		return;
	}
	cpu->regs[X86_ESP] = frame[3];
	cpu->seg[X86_SS].selector = frame[4];
	pc_drop_kernel_segments(pc);
	pc_enter_ring(pc, true);
}

static bool is_for_8086(struct pc *pc, const u32 *frame, bool op16)
{
	if (pc->cpu.user || op16 || !(frame[2] & X86_FLAG_VM))
		return false;
	pc_note(pc, &pc->told_of_refusal,
		"the Guest's kernel has a program for the 8086 to run: "
		"not here, that's a #GP");
	pc_trap(&pc->cpu, X86_GP, 0, 0);
	return true;
}

void pc_iret(struct x86_cpu *cpu, const struct x86_insn *insn)
{
	struct pc *pc = pc_of(cpu);
	bool op16 = insn->opsize16;
	u32 frame[FRAME_OUTER];

	if (cpu->eflags_kept & X86_FLAG_NT) {
		pc_trap(cpu, X86_TS, 0, 0);
		return;
	}
	if (!read_whole_frame(pc, frame, op16) ||
	    is_for_8086(pc, frame, op16))
		return;
	if (check_selectors(pc, frame))
		return_to(pc, frame, op16);
}
/*:*/

/*H:766 The flags.  A program may change what it computes with; IF needs a ring
 * not above IOPL, and IOPL itself needs ring 0 (SDM 2B, POPF). */
u32 pc_show_eflags(struct x86_cpu *cpu, u32 eflags)
{
	return eflags | cpu->interrupt_flag;
}

void pc_set_interrupt_flag(struct pc *pc, bool on)
{
	pc->cpu.interrupt_flag = on ? X86_FLAG_IF : 0;
	if (on && pic_pending(pc))
		x86_stop(&pc->cpu);
}

void pc_change_eflags(struct x86_cpu *cpu, u32 eflags, u32 mask)
{
	struct pc *pc = pc_of(cpu);

	if (mask & X86_FLAG_IF && pc_has_io_privilege(pc))
		pc_set_interrupt_flag(pc, eflags & X86_FLAG_IF);
	mask &= X86_LIVE_FLAGS | X86_FLAG_TF | X86_FLAG_NT | X86_FLAG_AC |
		X86_FLAG_ID | (cpu->user ? 0 : X86_FLAG_IOPL);
	x86_set_eflags(cpu, (x86_eflags(cpu) & ~mask) | (eflags & mask));
}
/*:*/

/*H:768 Interrupt lines.  Devices are threads of the Launcher's: they set a bit
 * and kick the processor, which passes the bits on to the interrupt controllers.
 * If we sleep, that's on a futex; whoever sets a flag does so before looking at
 * the other's, and so at least one of the two notices. */
static void wake(struct pc *pc)
{
	if (__atomic_exchange_n(&pc->sleeping, 0, __ATOMIC_SEQ_CST))
		raw_syscall(SYS_futex, (long)&pc->sleeping, FUTEX_WAKE_PRIVATE,
			    1, 0, 0, 0);
}

void pc_pulse(struct pc *pc, unsigned irq)
{
	__atomic_fetch_or(&pc->raised, BIT(irq), __ATOMIC_SEQ_CST);
	x86_kick(&pc->cpu);
	wake(pc);
}

static void collect_pulses(struct pc *pc)
{
	u32 raised = __atomic_exchange_n(&pc->raised, 0, __ATOMIC_SEQ_CST);

	serial_update(pc);
	if (raised & BIT(PC_TIMER_IRQ) && pc->serial.written)
		pc_tell(pc, PC_SERIAL);
	raised &= ~BIT(PC_LOOK_AT_SERIAL);
	for (; raised; raised &= raised - 1) {
		pic_set_line(pc, __builtin_ctz(raised), false);
		pic_set_line(pc, __builtin_ctz(raised), true);
	}
}

/* hlt needs no flag for going on: what wakes it is that it can be delivered. */
void pc_try_deliver(struct pc *pc)
{
	struct gate gate;
	int vector;

	collect_pulses(pc);
	while (pc->cpu.interrupt_flag && pic_pending(pc) && !pc->has_event) {
		pc->halted = false;
		vector = pic_acknowledge(pc);
		if (!read_gate(pc, vector, &gate) ||
		    !deliver(pc, &gate, 0, false, 0))
			shut_down(pc, vector, 0);
	}
}

#define DEVICES_TURN (1u << 20)	/* in cycles: a disk's MB takes half as long */

static bool is_called(void *pc)
{
	return __atomic_load_n(&((struct pc *)pc)->raised, __ATOMIC_SEQ_CST);
}

int pc_sleep(struct pc *pc)
{
	long ret = 0;

	be_patient(&pc->tired, DEVICES_TURN, is_called, pc);
	__atomic_store_n(&pc->sleeping, 1, __ATOMIC_SEQ_CST);
	if (!is_called(pc))
		ret = raw_syscall(SYS_futex, (long)&pc->sleeping,
				  FUTEX_WAIT_PRIVATE, 1, 0, 0, 0);
	__atomic_store_n(&pc->sleeping, 0, __ATOMIC_SEQ_CST);
	/* The timer's own signal is none of the Launcher's business. */
	return ret == -EINTR && !is_called(pc) ? -EINTR : 0;
}
/*:*/
