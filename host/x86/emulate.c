/*S:700 What can't be copied.
 *
 * Nearly everything that a Guest does runs as it stands.  What is left for C is
 * a cabinet of curiosities: instructions that 64-bit mode has abolished (daa,
 * pusha, bound), those that deal in segments, and forms so rare that a
 * translation would never earn back the lines it takes (rep movsb with 16-bit
 * addresses, anyone?).
 *
 * One rule makes faults simple: an instruction reads and checks everything
 * first, and changes registers and memory last.  Whoever finds a reason to stop
 * on the way raises a trap and returns false, and the state is still that of
 * the instruction's beginning.
 *
 * The Guest's FPU and SSE registers are in the machine's own while we work, so
 * nothing here may touch them by accident: the compiler is told so. :*/
#include "cache.h"

/*S:705 Memory comes first.  A linear address goes through the Guest's page
 * tables one page at a time; bytes are moved between our buffer and the page in
 * the Guest's memory.
 *
 * Where tables name memory that nobody has plugged in, reads give ones and
 * writes are lost, as on any bus. */
static void move_within_page(struct x86_cpu *cpu, u32 pfn, u32 offset,
			     void *buf, u32 len, bool write)
{
	u8 *there = cpu->memory + (u64)pfn * PAGE_SIZE + offset;

	if (pfn >= cpu->memory_pages) {
		if (!write)
			__asm__ volatile("rep stosb"
					 : "+D"(buf), "+c"(len)
					 : "a"(0xff) : "memory");
		return;
	}
	if (write && x86_has_code(cpu, pfn))
		x86_code_written(cpu, pfn);
	/* Four bytes are by far the most frequent, and rep takes its time. */
	if (len == 4)
		__builtin_memcpy(write ? there : buf, write ? buf : there, 4);
	else if (write)
		copy_bytes(there, buf, len);
	else
		copy_bytes(buf, there, len);
}

static u32 rest_of_page(u32 lin, u32 len)
{
	u32 rest = PAGE_SIZE - (lin & ~PAGE_MASK);

	return len < rest ? len : rest;
}

/* May all of [lin, lin + len) be accessed so? */
static bool probe(struct x86_cpu *cpu, u32 lin, u32 len, u32 access, u32 *error,
		  u32 *address)
{
	struct guest_page page;
	u32 part;

	for (; len; lin += part, len -= part) {
		part = rest_of_page(lin, len);
		*address = lin;
		if (!cpu->machine->walk(cpu, lin, access, &page, error))
			return false;
	}
	return true;
}

/* The short way: a few words within one page, seen with the privilege that the
 * current window is for, are just there in the window.  If not, they soon will
 * be.  (Took the frames of traps and iret from 189 to 140 ns a system call.) */
static bool copy_in_window(struct x86_cpu *cpu, u32 lin, void *buf, u32 len,
			   u32 access)
{
	void *there = (void *)(cpu->window + lin);
	u32 error;

	if (!len || len % 4 || rest_of_page(lin, len) != len ||
	    !(access & X86_USER) == cpu->view->user)
		return false;
	for (int try = 0; try < 2; try++) {
		if (access & X86_WRITE ? x86_try_copy(there, buf, len) :
					 x86_try_copy(buf, there, len))
			return true;
		if (!cpu->machine->fill(cpu, lin, access, &error))
			break;
	}
	return false;
}

/* A write that crosses into a page which isn't there must not leave half of
 * itself behind: hence the probe. */
bool x86_access(struct x86_cpu *cpu, u32 lin, void *buf, u32 len, u32 access,
		u32 *error, u32 *address)
{
	bool write = access & X86_WRITE;
	struct guest_page page;
	u32 part;

	if (copy_in_window(cpu, lin, buf, len, access))
		return true;
	if (write && rest_of_page(lin, len) != len &&
	    !probe(cpu, lin, len, access, error, address))
		return false;
	for (; len; lin += part, buf = (u8 *)buf + part, len -= part) {
		part = rest_of_page(lin, len);
		*address = lin;
		if (!cpu->machine->walk(cpu, lin, access, &page, error))
			return false;
		move_within_page(cpu, page.pfn, lin & ~PAGE_MASK, buf, part,
				 write);
	}
	return true;
}
/*:*/

void x86_trap(struct x86_cpu *cpu, u8 vector, u32 error, u32 address)
{
	if (vector == X86_MF)
		x86_settle_fpu(cpu);
	cpu->machine->trap(cpu, vector, error, address);
}

static u32 privilege(const struct x86_cpu *cpu)
{
	return cpu->user ? X86_USER : 0;
}

bool x86_read(struct x86_cpu *cpu, u32 lin, void *buf, u32 len)
{
	u32 error, address;

	if (x86_access(cpu, lin, buf, len, privilege(cpu), &error, &address))
		return true;
	x86_trap(cpu, X86_PF, error, address);
	return false;
}

bool x86_write(struct x86_cpu *cpu, u32 lin, const void *buf, u32 len)
{
	u32 error, address;

	if (x86_access(cpu, lin, (void *)buf, len, X86_WRITE | privilege(cpu),
		       &error, &address))
		return true;
	x86_trap(cpu, X86_PF, error, address);
	return false;
}

/* Raises the page fault that a write would raise, if any. */
static bool check_write(struct x86_cpu *cpu, u32 lin, u32 len)
{
	u32 error, address;

	if (probe(cpu, lin, len, X86_WRITE | privilege(cpu), &error, &address))
		return true;
	x86_trap(cpu, X86_PF, error, address);
	return false;
}

/* Most traps of instructions have no address, and error code 0. */
static bool trap(struct x86_cpu *cpu, u8 vector)
{
	x86_trap(cpu, vector, 0, 0);
	return false;
}

/*S:710 The flags are in two places: those that programs compute with are the
 * machine's own while the Guest runs; the others would upset our own C if they
 * were (TF and AC notably) and are kept aside.  IF, RF and VM belong to the
 * machine around the processor, which has its own ideas of interrupts. */
static void put_flags(struct x86_cpu *cpu, u32 mask, u32 value)
{
	cpu->flags = (cpu->flags & ~(u64)mask) | (value & mask);
}

u32 x86_eflags(const struct x86_cpu *cpu)
{
	return (cpu->flags & X86_LIVE_FLAGS) | cpu->eflags_kept | 2;
}

void x86_set_eflags(struct x86_cpu *cpu, u32 eflags)
{
	put_flags(cpu, X86_LIVE_FLAGS, eflags);
	cpu->eflags_kept = eflags & X86_KEPT_FLAGS;
}
/*:*/

static bool flag(const struct x86_cpu *cpu, u32 mask)
{
	return cpu->flags & mask;
}

static u32 mask_of(int size)
{
	return 0xffffffff >> (32 - 8 * size);
}

/* ah, ch, dh and bh are the second bytes of the first four. */
static int shift_of(int reg, int size)
{
	return size == 1 && reg >= 4 ? 8 : 0;
}

u32 x86_get_reg(const struct x86_cpu *cpu, int reg, int size)
{
	int shift = shift_of(reg, size);

	return (u32)cpu->regs[shift ? reg - 4 : reg] >> shift & mask_of(size);
}

void x86_put_reg(struct x86_cpu *cpu, int reg, int size, u32 value)
{
	int shift = shift_of(reg, size);
	u32 mask = mask_of(size) << shift;
	u64 *to = &cpu->regs[shift ? reg - 4 : reg];

	*to = ((u32)*to & ~mask) | (value << shift & mask);
}

u32 x86_operand_address(const struct x86_cpu *cpu, const struct x86_insn *insn)
{
	u32 offset = insn->disp;

	if (insn->base >= 0)
		offset += (u32)cpu->regs[insn->base];
	if (insn->index >= 0)
		offset += (u32)cpu->regs[insn->index] << insn->scale;
	if (insn->addr16)
		offset &= 0xffff;
	return cpu->seg[insn->mem_seg].base + offset;
}

static int operand_size(const struct x86_insn *insn)
{
	return insn->opsize16 ? 2 : 4;
}

/* The r/m operand of @size bytes, wherever it is. */
static bool read_rm(struct x86_cpu *cpu, const struct x86_insn *insn, int size,
		    u32 *value)
{
	*value = 0;
	if (insn->mem)
		return x86_read(cpu, x86_operand_address(cpu, insn), value, size);
	*value = x86_get_reg(cpu, insn->rm, size);
	return true;
}

/* System registers have 16 bits in memory, whatever the operand size says. */
static bool write_system_rm(struct x86_cpu *cpu, const struct x86_insn *insn,
			    u32 value)
{
	if (insn->mem)
		return x86_write(cpu, x86_operand_address(cpu, insn), &value, 2);
	x86_put_reg(cpu, insn->rm, operand_size(insn), value);
	return true;
}

/*S:715 The stack.  It is always addressed by all of esp, since a Guest's
 * segments are flat and big; the operand size decides how much is moved.  esp
 * changes when the bytes have arrived and not before. */
static u32 stack(const struct x86_cpu *cpu)
{
	return cpu->seg[X86_SS].base + (u32)cpu->regs[X86_ESP];
}

static void move_esp(struct x86_cpu *cpu, u32 by)
{
	cpu->regs[X86_ESP] = (u32)(cpu->regs[X86_ESP] + by);
}

static bool push(struct x86_cpu *cpu, u32 value, int size)
{
	if (!x86_write(cpu, stack(cpu) - size, &value, size))
		return false;
	move_esp(cpu, -size);
	return true;
}
/*:*/

static bool pushf(struct x86_cpu *cpu, const struct x86_insn *insn)
{
	u32 eflags = cpu->machine->show_eflags(cpu, x86_eflags(cpu));

	return push(cpu, eflags, operand_size(insn));
}

/* The machine may find that an interrupt is due now, so it is asked when
 * everything else is done. */
static bool popf(struct x86_cpu *cpu, const struct x86_insn *insn)
{
	int size = operand_size(insn);
	u32 eflags = 0;

	if (!x86_read(cpu, stack(cpu), &eflags, size))
		return false;
	move_esp(cpu, size);
	cpu->eip += insn->len;
	cpu->machine->change_eflags(cpu, eflags, insn->opsize16 ? 0xffff : ~0u);
	return false;
}

/* edi ends up lowest; the esp among them is the one before. */
static bool pusha(struct x86_cpu *cpu, int size)
{
	u32 value;
	int i;

	for (i = 0; i < 8; i++) {
		value = cpu->regs[i];
		if (!x86_write(cpu, stack(cpu) - (i + 1) * size, &value, size))
			return false;
	}
	move_esp(cpu, -8 * size);
	return true;
}

/* The CPU is not so careful as we are elsewhere: should the stack end in the
 * middle, then some registers have changed already.  esp hasn't. */
static bool popa(struct x86_cpu *cpu, int size)
{
	u32 value = 0;
	int i;

	for (i = 0; i < 8; i++) {
		if (!x86_read(cpu, stack(cpu) + i * size, &value, size))
			return false;
		if (7 - i != X86_ESP)
			x86_put_reg(cpu, 7 - i, size, value);
	}
	move_esp(cpu, 8 * size);
	return true;
}

/*S:720 enter was meant for Pascal, whose nested procedures find the variables
 * of the outer ones through a "display" of frame pointers.  Level 0 is what C
 * would use, if C compilers liked enter.
 *
 * The display is copied from the old frame to the new one, word by word, since
 * the two may overlap.  If that faults half-way, then there are new words below
 * esp, where nobody looks; ebp and esp themselves wait until all is done, even
 * a trial of whether the new top of the stack may be written. */
static bool build_frame(struct x86_cpu *cpu, u32 level, int size)
{
	u32 ss = cpu->seg[X86_SS].base, to = stack(cpu) - size;
	u32 from = ss + (u32)cpu->regs[X86_EBP], new_ebp = to - ss, word, i;

	word = cpu->regs[X86_EBP];
	for (i = 1; i <= level; i++) {
		if (!x86_write(cpu, to, &word, size))
			return false;
		to -= size;
		word = new_ebp;
		if (i < level && !x86_read(cpu, from - i * size, &word, size))
			return false;
	}
	return x86_write(cpu, to, &word, size);
}

static bool enter(struct x86_cpu *cpu, const struct x86_insn *insn)
{
	u32 level = insn->imm2 & 31;
	int size = operand_size(insn);
	u32 locals = insn->imm, below = (level + 1) * size + locals;

	if (!build_frame(cpu, level, size) ||
	    !check_write(cpu, stack(cpu) - below, size))
		return false;
	x86_put_reg(cpu, X86_EBP, size, cpu->regs[X86_ESP] - size);
	move_esp(cpu, -below);
	return true;
}
/*:*/

/* Only the 16-bit form comes here. */
static bool leave(struct x86_cpu *cpu, int size)
{
	u32 ebp = cpu->regs[X86_EBP], value = 0;

	if (!x86_read(cpu, cpu->seg[X86_SS].base + ebp, &value, size))
		return false;
	cpu->regs[X86_ESP] = (u32)(ebp + size);
	x86_put_reg(cpu, X86_EBP, size, value);
	return true;
}

/*S:725 Decimal arithmetic, from the days when a sum was printed more often than
 * it was computed with.  64-bit mode has none of these, so here they are in C,
 * as the manual tells them (SDM 2A, each at its name). */
static u32 result_flags(u8 result)
{
	return (result & X86_FLAG_SF) | (result ? 0 : X86_FLAG_ZF) |
	       (__builtin_parity(result) ? 0 : X86_FLAG_PF);
}

/* Flags that the manual leaves undefined are as the machine has them. */
#define ARITHMETIC_FLAGS (X86_LIVE_FLAGS & ~X86_FLAG_DF)

/* daa and das: @sign is what the digits are corrected with. */
static bool decimal_adjust(struct x86_cpu *cpu, int sign)
{
	u8 al = cpu->regs[X86_EAX];
	bool low = (al & 15) > 9 || flag(cpu, X86_FLAG_AF);
	bool high = al > 0x99 || flag(cpu, X86_FLAG_CF);
	bool borrow = sign < 0 && low && al < 6;
	u8 result = al + sign * ((low ? 6 : 0) + (high ? 0x60 : 0));

	x86_put_reg(cpu, X86_EAX, 1, result);
	put_flags(cpu, ARITHMETIC_FLAGS,
		  result_flags(result) | (low ? X86_FLAG_AF : 0) |
		  (high || borrow ? X86_FLAG_CF : 0));
	return true;
}

/* aaa and aas: the same for one digit in a byte, with its carry to ah. */
static bool ascii_adjust(struct x86_cpu *cpu, int sign)
{
	u16 ax = cpu->regs[X86_EAX];
	bool carry = (ax & 15) > 9 || flag(cpu, X86_FLAG_AF);

	if (carry)
		ax += sign * 0x106;
	x86_put_reg(cpu, X86_EAX, 2, ax & 0xff0f);
	put_flags(cpu, ARITHMETIC_FLAGS, result_flags(ax & 15) |
		  (carry ? X86_FLAG_AF | X86_FLAG_CF : 0));
	return true;
}

static bool aam(struct x86_cpu *cpu, u8 base)
{
	u8 al = cpu->regs[X86_EAX];

	if (!base)
		return trap(cpu, X86_DE);
	x86_put_reg(cpu, X86_EAX, 2, (al / base) << 8 | al % base);
	put_flags(cpu, ARITHMETIC_FLAGS, result_flags(al % base));
	return true;
}

/* The flags are those of the addition. */
static bool aad(struct x86_cpu *cpu, u8 base)
{
	u8 al = cpu->regs[X86_EAX], tens = x86_get_reg(cpu, 4, 1) * base;
	u8 sum = al + tens;

	x86_put_reg(cpu, X86_EAX, 2, sum);
	put_flags(cpu, ARITHMETIC_FLAGS,
		  result_flags(sum) | (sum < al ? X86_FLAG_CF : 0) |
		  ((al ^ tens ^ sum) & X86_FLAG_AF) |
		  ((al ^ sum) & (tens ^ sum) & 0x80 ? X86_FLAG_OF : 0));
	return true;
}
/*:*/

/* Undocumented for decades, executed for as long: al becomes what sbb al, al
 * would make it, but no flag changes. */
static bool salc(struct x86_cpu *cpu)
{
	x86_put_reg(cpu, X86_EAX, 1, flag(cpu, X86_FLAG_CF) ? 0xff : 0);
	return true;
}

static s32 sign_extend(u32 value, int size)
{
	return size == 2 ? (s16)value : (s32)value;
}

static bool bound(struct x86_cpu *cpu, const struct x86_insn *insn)
{
	int size = operand_size(insn);
	s32 index = sign_extend(cpu->regs[insn->reg], size);
	u32 lin = x86_operand_address(cpu, insn), low = 0, high = 0;

	if (!x86_read(cpu, lin, &low, size))
		return false;
	if (index < sign_extend(low, size))
		return trap(cpu, X86_BR);
	if (!x86_read(cpu, lin + size, &high, size))
		return false;
	return index <= sign_extend(high, size) || trap(cpu, X86_BR);
}

static bool into(struct x86_cpu *cpu, const struct x86_insn *insn)
{
	if (!flag(cpu, X86_FLAG_OF))
		return true;
	cpu->machine->interrupt(cpu, X86_OF, insn->len);
	return false;
}

static bool interrupt(struct x86_cpu *cpu, const struct x86_insn *insn, u8 vector)
{
	cpu->machine->interrupt(cpu, vector, insn->len);
	return false;
}

/* The in-circuit emulator's breakpoint: a #DB with nobody's permission. */
static bool int1(struct x86_cpu *cpu, const struct x86_insn *insn)
{
	cpu->eip += insn->len;
	return trap(cpu, X86_DB);
}

static bool iret(struct x86_cpu *cpu, const struct x86_insn *insn)
{
	cpu->machine->iret(cpu, insn);
	return false;
}

static bool cpuid(struct x86_cpu *cpu)
{
	static const u8 regs[] = { X86_EAX, X86_EBX, X86_ECX, X86_EDX };
	u32 out[4];
	int i;

	cpu->machine->cpuid(cpu, cpu->regs[X86_EAX], cpu->regs[X86_ECX], out);
	for (i = 0; i < 4; i++)
		cpu->regs[regs[i]] = out[i];
	return true;
}

/*S:730 Branches with an operand-size prefix land in the lowest 64k, whatever
 * the author had in mind.  Those of a full 32 bits are translated, except the
 * far ones. */
static bool jump(struct x86_cpu *cpu, const struct x86_insn *insn, u32 target)
{
	cpu->eip = target & mask_of(operand_size(insn));
	return false;
}

static bool jump_relative(struct x86_cpu *cpu, const struct x86_insn *insn)
{
	return jump(cpu, insn, cpu->eip + insn->len + insn->imm);
}

static bool call(struct x86_cpu *cpu, const struct x86_insn *insn, u32 target)
{
	if (!push(cpu, cpu->eip + insn->len, operand_size(insn)))
		return false;
	return jump(cpu, insn, target);
}

static bool ret(struct x86_cpu *cpu, const struct x86_insn *insn)
{
	u32 target = 0;

	if (!x86_read(cpu, stack(cpu), &target, operand_size(insn)))
		return false;
	move_esp(cpu, operand_size(insn) + insn->imm);
	return jump(cpu, insn, target);
}

/* Conditions come in pairs; the odd one of each is the contrary (SDM 1:B). */
static bool condition(const struct x86_cpu *cpu, u8 code)
{
	bool less = flag(cpu, X86_FLAG_SF) != flag(cpu, X86_FLAG_OF);
	bool holds = false;

	switch (code >> 1 & 7) {
	case 0: holds = flag(cpu, X86_FLAG_OF); break;
	case 1: holds = flag(cpu, X86_FLAG_CF); break;
	case 2: holds = flag(cpu, X86_FLAG_ZF); break;
	case 3: holds = flag(cpu, X86_FLAG_CF | X86_FLAG_ZF); break;
	case 4: holds = flag(cpu, X86_FLAG_SF); break;
	case 5: holds = flag(cpu, X86_FLAG_PF); break;
	case 6: holds = less; break;
	case 7: holds = less || flag(cpu, X86_FLAG_ZF); break;
	}
	return holds ^ (code & 1);
}

static bool jump_if(struct x86_cpu *cpu, const struct x86_insn *insn, bool taken)
{
	return taken ? jump_relative(cpu, insn) : true;
}

static int count_size(const struct x86_insn *insn)
{
	return insn->addr16 ? 2 : 4;
}

/* e0 to e2: loopne, loope, loop. */
static bool loop(struct x86_cpu *cpu, const struct x86_insn *insn)
{
	int size = count_size(insn);
	u32 count = (x86_get_reg(cpu, X86_ECX, size) - 1) & mask_of(size);
	bool zero = flag(cpu, X86_FLAG_ZF);

	x86_put_reg(cpu, X86_ECX, size, count);
	return jump_if(cpu, insn, count && (insn->opcode == 0xe2 ||
					    zero == (insn->opcode & 1)));
}

static bool jcxz(struct x86_cpu *cpu, const struct x86_insn *insn)
{
	return jump_if(cpu, insn,
		       !x86_get_reg(cpu, X86_ECX, count_size(insn)));
}
/*:*/

/*S:735 Segments.  What a selector means is the machine's business: it loads
 * cpu->seg[] or raises the trap, and we move data around that.  As
 * load_segment() is the last thing that can fail, but for a far call's stack, it
 * comes after all reading and before all writing. */
static bool load_segment(struct x86_cpu *cpu, int seg, u32 selector)
{
	return cpu->machine->load_segment(cpu, seg, selector);
}

static bool mov_to_segment(struct x86_cpu *cpu, const struct x86_insn *insn)
{
	u32 selector;

	return read_rm(cpu, insn, 2, &selector) &&
	       load_segment(cpu, insn->sreg, selector);
}

static bool pop_segment(struct x86_cpu *cpu, const struct x86_insn *insn)
{
	u16 selector;

	if (!x86_read(cpu, stack(cpu), &selector, 2) ||
	    !load_segment(cpu, insn->sreg, selector))
		return false;
	move_esp(cpu, operand_size(insn));
	return true;
}

struct far_pointer {
	u32 offset;
	u16 selector;
};

static bool read_far_pointer(struct x86_cpu *cpu, u32 lin, int size,
			     struct far_pointer *far)
{
	u8 bytes[6];

	if (!x86_read(cpu, lin, bytes, size + 2))
		return false;
	far->offset = 0;
	copy_bytes(&far->offset, bytes, size);
	copy_bytes(&far->selector, bytes + size, 2);
	return true;
}

/* les lds lss lfs lgs */
static bool load_far_pointer(struct x86_cpu *cpu, const struct x86_insn *insn,
			     int seg)
{
	struct far_pointer far;

	if (!read_far_pointer(cpu, x86_operand_address(cpu, insn),
			      operand_size(insn), &far) ||
	    !load_segment(cpu, seg, far.selector))
		return false;
	x86_put_reg(cpu, insn->reg, operand_size(insn), far.offset);
	return true;
}

static bool far_jump(struct x86_cpu *cpu, const struct x86_insn *insn,
		     const struct far_pointer *far)
{
	if (!load_segment(cpu, X86_CS, far->selector))
		return false;
	return jump(cpu, insn, far->offset);
}

/* Word by word: the first one stays if there is no room for the other. */
static bool far_call(struct x86_cpu *cpu, const struct x86_insn *insn,
		     const struct far_pointer *far)
{
	int size = operand_size(insn);
	struct x86_segment from = cpu->seg[X86_CS];
	u32 cs = from.selector, eip = cpu->eip + insn->len;

	if (!load_segment(cpu, X86_CS, far->selector))
		return false;
	if (!x86_write(cpu, stack(cpu) - size, &cs, size) ||
	    !x86_write(cpu, stack(cpu) - 2 * size, &eip, size)) {
		cpu->seg[X86_CS] = from;
		return false;
	}
	move_esp(cpu, -2 * size);
	return jump(cpu, insn, far->offset);
}

static bool far_return(struct x86_cpu *cpu, const struct x86_insn *insn)
{
	int size = operand_size(insn);
	u32 eip = 0, cs = 0;

	if (!x86_read(cpu, stack(cpu) + size, &cs, size) ||
	    !x86_read(cpu, stack(cpu), &eip, size))
		return false;
	/* Nobody returns to more privilege. */
	if ((cs & X86_RPL) < (cpu->seg[X86_CS].selector & X86_RPL)) {
		x86_trap(cpu, X86_GP, cs & 0xfffc, 0);
		return false;
	}
	if (!load_segment(cpu, X86_CS, cs))
		return false;
	move_esp(cpu, 2 * size + insn->imm);
	return jump(cpu, insn, eip);
}

/* ff: the near forms with a 16-bit operand, and the far ones. */
static bool group5(struct x86_cpu *cpu, const struct x86_insn *insn)
{
	int size = operand_size(insn);
	struct far_pointer far;
	u32 target;

	if (insn->reg == 2 || insn->reg == 4) {
		if (!read_rm(cpu, insn, size, &target))
			return false;
		return insn->reg == 2 ? call(cpu, insn, target) :
					jump(cpu, insn, target);
	}
	if (!read_far_pointer(cpu, x86_operand_address(cpu, insn), size, &far))
		return false;
	return insn->reg == 3 ? far_call(cpu, insn, &far) :
				far_jump(cpu, insn, &far);
}

static bool far_immediate(struct x86_cpu *cpu, const struct x86_insn *insn)
{
	struct far_pointer far = { insn->imm, insn->imm2 };

	return insn->opcode == 0x9a ? far_call(cpu, insn, &far) :
				      far_jump(cpu, insn, &far);
}
/*:*/

/* A caller's selector must not claim more privilege than the caller has. */
static bool arpl(struct x86_cpu *cpu, const struct x86_insn *insn)
{
	u32 rpl = cpu->regs[insn->reg] & 3, selector;

	if (!read_rm(cpu, insn, 2, &selector))
		return false;
	if ((selector & 3) >= rpl) {
		put_flags(cpu, X86_FLAG_ZF, 0);
		return true;
	}
	selector = (selector & ~3u) | rpl;
	if (insn->mem && insn->mem_seg == X86_CS)
		return trap(cpu, X86_GP);
	if (!insn->mem)
		x86_put_reg(cpu, insn->rm, 2, selector);
	else if (!x86_write(cpu, x86_operand_address(cpu, insn), &selector, 2))
		return false;
	put_flags(cpu, X86_FLAG_ZF, X86_FLAG_ZF);
	return true;
}

/*S:740 lar, lsl, verr and verw ask about a descriptor without loading it, and
 * answer with ZF instead of a fault.  Bits of a descriptor's second word
 * (SDM 3A:3.4.5): */
#define DESC_TYPE(high) ((high) >> 8 & 15)
#define DESC_CODE 0x800u	/* of a code or data segment, all of these */
#define DESC_CONFORMING 0x400u
#define DESC_ACCESS 0x200u	/* code: readable; data: writable */
#define DESC_SEGMENT 0x1000u	/* and not a gate, TSS or LDT */
#define DESC_GRANULAR 0x800000u

/* System types that lar shows (TSS, LDT, call and task gates), and lsl: those
 * with a limit. */
#define LAR_TYPES 0x1a3eu
#define LSL_TYPES 0x0a0eu

static bool may_see(struct x86_cpu *cpu, u16 selector, u32 high)
{
	u32 dpl = high >> 13 & 3;

	if ((high & DESC_SEGMENT) && (high & DESC_CODE) &&
	    (high & DESC_CONFORMING))
		return true;
	return dpl >= (cpu->seg[X86_CS].selector & 3u) && dpl >= (selector & 3u);
}

static bool visible_descriptor(struct x86_cpu *cpu, u16 selector, u32 desc[2])
{
	return (selector & ~3) && cpu->machine->descriptor(cpu, selector, desc) &&
	       may_see(cpu, selector, desc[1]);
}

static u32 limit_of(const u32 desc[2])
{
	u32 limit = (desc[0] & 0xffff) | (desc[1] & 0xf0000);

	return desc[1] & DESC_GRANULAR ? limit << 12 | 0xfff : limit;
}

static bool lar_lsl(struct x86_cpu *cpu, const struct x86_insn *insn)
{
	bool lsl = insn->opcode == 0x03, good;
	u32 selector, desc[2];

	if (!read_rm(cpu, insn, 2, &selector))
		return false;
	good = visible_descriptor(cpu, selector, desc) &&
	       ((desc[1] & DESC_SEGMENT) ||
		((lsl ? LSL_TYPES : LAR_TYPES) >> DESC_TYPE(desc[1]) & 1));
	if (good)
		x86_put_reg(cpu, insn->reg, operand_size(insn),
			    lsl ? limit_of(desc) : desc[1] & 0xffff00);
	put_flags(cpu, X86_FLAG_ZF, good ? X86_FLAG_ZF : 0);
	return true;
}

static bool accessible(u32 high, bool write)
{
	if (!(high & DESC_SEGMENT))
		return false;
	if (high & DESC_CODE)
		return !write && (high & DESC_ACCESS);
	return !write || (high & DESC_ACCESS);
}

static bool verr_verw(struct x86_cpu *cpu, const struct x86_insn *insn)
{
	u32 selector, desc[2];
	bool good;

	if (!read_rm(cpu, insn, 2, &selector))
		return false;
	good = visible_descriptor(cpu, selector, desc) &&
	       accessible(desc[1], insn->reg == 5);
	put_flags(cpu, X86_FLAG_ZF, good ? X86_FLAG_ZF : 0);
	return true;
}
/*:*/

/*S:745 What the CPU's own tables are nobody's business, but old programs ask
 * and get an answer.  Ours is the one that Linux gives where the CPU refuses
 * (UMIP), so that a Guest can't learn from it where our kernel lives. */
#define NO_GDT 0xfffe0000u
#define NO_IDT 0xffff0000u
#define SOME_TSS 0x40u
#define SOME_CR0 0x80050033u
#define CR0_TS 0x8u

static bool store_table(struct x86_cpu *cpu, const struct x86_insn *insn)
{
	u32 base = insn->reg ? NO_IDT : NO_GDT;
	u8 image[6] = { 0 };

	copy_bytes(image + 2, &base, 4);
	return x86_write(cpu, x86_operand_address(cpu, insn), image, 6);
}

static bool smsw(struct x86_cpu *cpu, const struct x86_insn *insn)
{
	return write_system_rm(cpu, insn,
			       SOME_CR0 | (x86_ts(cpu) ? CR0_TS : 0));
}

/* 0f 00: sldt str - - verr verw */
static bool group6(struct x86_cpu *cpu, const struct x86_insn *insn)
{
	if (insn->reg >= 4)
		return verr_verw(cpu, insn);
	return write_system_rm(cpu, insn, insn->reg ? SOME_TSS : 0);
}

/* 0f 01: sgdt sidt - - smsw */
static bool group7(struct x86_cpu *cpu, const struct x86_insn *insn)
{
	return insn->reg == 4 ? smsw(cpu, insn) : store_table(cpu, insn);
}
/*:*/

/*S:750 fxsave and fxrstor are here because of what they do in 64-bit mode: they
 * move sixteen xmm registers.  The Guest has eight.  The other eight are ours,
 * and it shall neither see them nor set them; so the image takes a detour over
 * our stack. */
#define FX_STATUS 2
#define FX_MXCSR 24
#define FX_MXCSR_MASK 28
#define FX_ST 32
#define FX_XMM 160
#define FX_32BIT 288	/* bytes that have a meaning in 32-bit mode */
#define FX_SIZE 512
#define FSW_ES 0x80

struct fxsave {
	u8 bytes[FX_SIZE];
} __attribute__((aligned(16)));

static void fxsave_machine(struct fxsave *image)
{
	__asm__ volatile("fxsave %0" : "=m"(*image));
}

static bool exception_waits(void)
{
	struct fxsave image;

	fxsave_machine(&image);
	return image.bytes[FX_STATUS] & FSW_ES;
}

static u32 word_of(const struct fxsave *image, int at)
{
	u32 word;

	copy_bytes(&word, image->bytes + at, 4);
	return word;
}

static bool fxsave(struct x86_cpu *cpu, u32 lin)
{
	struct fxsave image;

	if (lin & 15)
		return trap(cpu, X86_GP);
	/* The machine looks at the image's end first. */
	if (!check_write(cpu, lin + FX_SIZE - 1, 1))
		return false;
	x86_fpu_image(cpu, image.bytes);
	return x86_write(cpu, lin, image.bytes, FX_32BIT);
}

/* Reserved bits of mxcsr are a #GP for the Guest, not for us. */
static bool mxcsr_allowed(u32 mxcsr)
{
	struct fxsave image;
	u32 mask;

	fxsave_machine(&image);
	mask = word_of(&image, FX_MXCSR_MASK);
	return !(mxcsr & ~(mask ? mask : 0xffbf));
}

static bool fxrstor(struct x86_cpu *cpu, u32 lin)
{
	struct fxsave image;

	if (lin & 15)
		return trap(cpu, X86_GP);
	if (!x86_read(cpu, lin + FX_SIZE - 1, image.bytes, 1) ||
	    !x86_read(cpu, lin, image.bytes, FX_SIZE))
		return false;
	if (!mxcsr_allowed(word_of(&image, FX_MXCSR)))
		return trap(cpu, X86_GP);
	zero_bytes(image.bytes + FX_32BIT, FX_SIZE - FX_32BIT);
	__asm__ volatile("fxrstor %0" : : "m"(image));
	return true;
}

static bool group15(struct x86_cpu *cpu, const struct x86_insn *insn)
{
	u32 lin = x86_operand_address(cpu, insn);

	return insn->reg ? fxrstor(cpu, lin) : fxsave(cpu, lin);
}
/*:*/

/*S:751 fstenv and fsave tell, too, where the last x87 instruction stands and what it
 * worked on, and these are addresses of ours.  After having told they do something
 * to the FPU, so the memory has to be there first.  They are one way to forget an
 * exception, but not what it came from; fclex is another. */
#define FSAVE_ST 80	/* bytes of registers behind the environment */

static void fnsave_machine(u8 *image, bool all, bool short_form)
{
	if (all && short_form)
		__asm__ volatile(".byte 0x66; fnsave (%0)" : : "r"(image) : "memory");
	else if (all)
		__asm__ volatile("fnsave (%0)" : : "r"(image) : "memory");
	else if (short_form)
		__asm__ volatile(".byte 0x66; fnstenv (%0)" : : "r"(image) : "memory");
	else
		__asm__ volatile("fnstenv (%0)" : : "r"(image) : "memory");
}

static bool store_environment(struct x86_cpu *cpu, const struct x86_insn *insn)
{
	bool all = insn->opcode == 0xdd, short_form = insn->opsize16;
	u32 lin = x86_operand_address(cpu, insn);
	u32 size = (short_form ? 14 : 28) + (all ? FSAVE_ST : 0);
	u8 image[28 + FSAVE_ST];

	/* The machine looks at both ends. */
	if (!check_write(cpu, lin, short_form ? 2 : 4) || !check_write(cpu, lin + size - 1, 1))
		return false;
	x86_settle_fpu(cpu);
	fnsave_machine(image, all, short_form);
	return x86_write(cpu, lin, image, size);
}

static bool fclex(struct x86_cpu *cpu)
{
	x86_settle_fpu(cpu);
	__asm__ volatile("fnclex");
	return true;
}
/*:*/

/*S:752 bt and its sisters count bits from the address of their operand on, as far
 * as a register says, which gets them anywhere.  Only with 16-bit addresses does
 * it matter to us, since the sum wraps at 64k. */
static bool bit_in_string(struct x86_cpu *cpu, const struct x86_insn *insn)
{
	u32 base = cpu->seg[insn->mem_seg].base, what = insn->opcode >> 3 & 3;
	int size = operand_size(insn);
	s32 number = sign_extend(cpu->regs[insn->reg], size);
	u32 bit = 1u << (number & (8 * size - 1)), value = 0;
	u32 lin = x86_operand_address(cpu, insn) - base +
		  (number >> (size == 2 ? 4 : 5)) * size;

	lin = base + (lin & 0xffff);
	if ((what && !check_write(cpu, lin, size)) ||
	    !x86_read(cpu, lin, &value, size))
		return false;
	put_flags(cpu, X86_FLAG_CF, value & bit ? X86_FLAG_CF : 0);
	switch (what) {
	case 0: return true;			/* bt */
	case 1: value |= bit; break;		/* bts */
	case 2: value &= ~bit; break;		/* btr */
	case 3: value ^= bit; break;		/* btc */
	}
	return x86_write(cpu, lin, &value, size);
}
/*:*/

static u32 data_base(const struct x86_cpu *cpu, const struct x86_insn *insn)
{
	return cpu->seg[insn->seg == X86_NO_SEG ? X86_DS : insn->seg].base;
}

/* An index register, as wide as addresses are. */
static u32 pointer(const struct x86_cpu *cpu, const struct x86_insn *insn, int reg)
{
	return x86_get_reg(cpu, reg, count_size(insn));
}

/*S:753 maskmovq and maskmovdqu store to ds:edi without naming it, those bytes of the
 * one register whose byte in the other has its highest bit set.  Whether there
 * is any or not, all of the memory must be there; and the halves of an xmm
 * register are looked at like everything else in this machine, from the wrong
 * end. */
static bool check_masked(struct x86_cpu *cpu, const struct x86_insn *insn, u32 lin,
			 u32 len)
{
	if (insn->seg == X86_CS)
		return trap(cpu, X86_GP);
	return (len == 8 || check_write(cpu, lin + 8, 8)) &&
	       check_write(cpu, lin, 8);
}

static void store_masked(struct x86_cpu *cpu, u32 lin, const u8 *bytes,
			 const u8 *mask, u32 len)
{
	u32 i;

	for (i = 0; i < len; i++)
		if (mask[i] & 0x80)
			x86_write(cpu, lin + i, bytes + i, 1);
}

static bool maskmovdqu(struct x86_cpu *cpu, const struct x86_insn *insn, u32 lin)
{
	struct fxsave image;
	const u8 *bytes = image.bytes + FX_XMM + insn->reg * 16;
	const u8 *mask = image.bytes + FX_XMM + insn->rm * 16;

	fxsave_machine(&image);
	if (!check_masked(cpu, insn, lin, 16))
		return false;
	store_masked(cpu, lin, bytes, mask, 16);
	return true;
}

/* The image has the x87 registers in the order of their stack, while MMX counts
 * them as they are. */
static const u8 *mmx_register(const struct fxsave *image, int number)
{
	int top = image->bytes[FX_STATUS + 1] >> 3;

	return image->bytes + FX_ST + ((number - top) & 7) * 16;
}

/* MMX comes with two more effects: a pending x87 exception strikes now, and the
 * x87 stack is full of MMX registers afterwards; reading one sees to that. */
static bool maskmovq(struct x86_cpu *cpu, const struct x86_insn *insn, u32 lin)
{
	struct fxsave image;
	const u8 *mask;
	u32 mmx;

	if (exception_waits())
		return trap(cpu, X86_MF);
	fxsave_machine(&image);
	mask = mmx_register(&image, insn->rm);
	__asm__ volatile("movd %%mm0, %0" : "=r"(mmx));
	if (!check_masked(cpu, insn, lin, 8))
		return false;
	store_masked(cpu, lin, mmx_register(&image, insn->reg), mask, 8);
	return true;
}

static bool maskmov(struct x86_cpu *cpu, const struct x86_insn *insn)
{
	u32 lin = data_base(cpu, insn) + pointer(cpu, insn, X86_EDI);

	return insn->prefix66 ? maskmovdqu(cpu, insn, lin) :
				maskmovq(cpu, insn, lin);
}
/*:*/

/*S:755 String instructions.  The usual ones are translated; these have 16-bit
 * addresses or come from fs: or gs:.  After a number of rounds eip stays where
 * it is if there are more to do: that's how the CPU looks to its interrupts,
 * too. */
#define ROUNDS 65536

static int string_size(const struct x86_insn *insn)
{
	return insn->opcode & 1 ? operand_size(insn) : 1;
}

static u32 string_operand(const struct x86_cpu *cpu, const struct x86_insn *insn,
			  int reg)
{
	return (reg == X86_ESI ? data_base(cpu, insn) : cpu->seg[X86_ES].base) +
	       pointer(cpu, insn, reg);
}

/* How many of its bytes don't hang over the end of its segment.  If it does, that's
 * a #GP; but first comes the page fault of those that don't. */
static int bytes_inside(const struct x86_cpu *cpu, const struct x86_insn *insn, int reg)
{
	u32 rest = -pointer(cpu, insn, reg);
	int size = string_size(insn);

	return rest && rest < (u32)size ? (int)rest : size;
}

static bool read_string(struct x86_cpu *cpu, const struct x86_insn *insn, int reg,
			u32 *value)
{
	int inside = bytes_inside(cpu, insn, reg);

	*value = 0;
	return x86_read(cpu, string_operand(cpu, insn, reg), value, inside) &&
	       (inside == string_size(insn) || trap(cpu, X86_GP));
}

static bool write_string(struct x86_cpu *cpu, const struct x86_insn *insn, u32 value)
{
	u32 lin = string_operand(cpu, insn, X86_EDI);
	int inside = bytes_inside(cpu, insn, X86_EDI);

	if (inside < string_size(insn))
		return check_write(cpu, lin, inside) && trap(cpu, X86_GP);
	return x86_write(cpu, lin, &value, inside);
}

static void advance(struct x86_cpu *cpu, const struct x86_insn *insn, int reg)
{
	int step = string_size(insn);

	if (flag(cpu, X86_FLAG_DF))
		step = -step;
	x86_put_reg(cpu, reg, count_size(insn), cpu->regs[reg] + step);
}

/* The flags of a - b. */
static void compare(struct x86_cpu *cpu, u32 a, u32 b, int size)
{
	u32 result = (a - b) & mask_of(size);
	u32 sign = 1u << (8 * size - 1);

	put_flags(cpu, ARITHMETIC_FLAGS,
		  (a < b ? X86_FLAG_CF : 0) | (result ? 0 : X86_FLAG_ZF) |
		  (result & sign ? X86_FLAG_SF : 0) |
		  ((a ^ b) & (a ^ result) & sign ? X86_FLAG_OF : 0) |
		  ((a ^ b ^ result) & X86_FLAG_AF) |
		  (result_flags(result) & X86_FLAG_PF));
}

static bool movs(struct x86_cpu *cpu, const struct x86_insn *insn)
{
	u32 value;

	if (!read_string(cpu, insn, X86_ESI, &value) ||
	    !write_string(cpu, insn, value))
		return false;
	advance(cpu, insn, X86_ESI);
	advance(cpu, insn, X86_EDI);
	return true;
}

static bool cmps(struct x86_cpu *cpu, const struct x86_insn *insn)
{
	u32 a, b;

	if (!read_string(cpu, insn, X86_EDI, &b) ||
	    !read_string(cpu, insn, X86_ESI, &a))
		return false;
	compare(cpu, a, b, string_size(insn));
	advance(cpu, insn, X86_ESI);
	advance(cpu, insn, X86_EDI);
	return true;
}

static bool stos(struct x86_cpu *cpu, const struct x86_insn *insn)
{
	if (!write_string(cpu, insn, cpu->regs[X86_EAX]))
		return false;
	advance(cpu, insn, X86_EDI);
	return true;
}

static bool lods(struct x86_cpu *cpu, const struct x86_insn *insn)
{
	u32 value;

	if (!read_string(cpu, insn, X86_ESI, &value))
		return false;
	x86_put_reg(cpu, X86_EAX, string_size(insn), value);
	advance(cpu, insn, X86_ESI);
	return true;
}

static bool scas(struct x86_cpu *cpu, const struct x86_insn *insn)
{
	int size = string_size(insn);
	u32 value;

	if (!read_string(cpu, insn, X86_EDI, &value))
		return false;
	compare(cpu, x86_get_reg(cpu, X86_EAX, size), value, size);
	advance(cpu, insn, X86_EDI);
	return true;
}

static bool string_round(struct x86_cpu *cpu, const struct x86_insn *insn)
{
	switch (insn->opcode & ~1) {
	case 0xa4: return movs(cpu, insn);
	case 0xa6: return cmps(cpu, insn);
	case 0xaa: return stos(cpu, insn);
	case 0xac: return lods(cpu, insn);
	default: return scas(cpu, insn);
	}
}

/* repe and repne stop at a difference, or at its absence. */
static bool rep_goes_on(const struct x86_cpu *cpu, const struct x86_insn *insn)
{
	u8 what = insn->opcode & ~1;

	if (what != 0xa6 && what != 0xae)
		return true;
	return flag(cpu, X86_FLAG_ZF) == (insn->rep == 0xf3);
}

/* A debugger sees every round; others we let wait for a few. */
static u32 rounds(const struct x86_cpu *cpu, u32 count)
{
	if (cpu->eflags_kept & X86_FLAG_TF)
		return 1;
	return count < ROUNDS ? count : ROUNDS;
}

/* Whatever comes between two rounds finds the flags of the beginning: scas and
 * cmps don't need those of the last one to go on (SDM 2B, REP). */
static bool repeat(struct x86_cpu *cpu, const struct x86_insn *insn)
{
	u32 count = pointer(cpu, insn, X86_ECX), left = rounds(cpu, count);
	u64 flags = cpu->flags;
	bool more = count;

	for (; more && left; left--) {
		cpu->flags = flags;
		if (!string_round(cpu, insn))
			return false;
		x86_put_reg(cpu, X86_ECX, count_size(insn), --count);
		more = count && rep_goes_on(cpu, insn);
	}
	if (more)
		cpu->flags = flags;
	return !more;
}

static bool string(struct x86_cpu *cpu, const struct x86_insn *insn)
{
	return insn->rep ? repeat(cpu, insn) : string_round(cpu, insn);
}

static bool xlat(struct x86_cpu *cpu, const struct x86_insn *insn)
{
	u32 at = (u32)cpu->regs[X86_EBX] + (u8)cpu->regs[X86_EAX];
	u8 value;

	at &= mask_of(count_size(insn));
	if (!x86_read(cpu, data_base(cpu, insn) + at, &value, 1))
		return false;
	x86_put_reg(cpu, X86_EAX, 1, value);
	return true;
}
/*:*/

/*S:760 Now for the tables of contents.  Every instruction says by its result
 * whether it is finished, in which case eip moves on; branches and traps have
 * put it where it belongs. */
static bool emulate_0f(struct x86_cpu *cpu, const struct x86_insn *insn)
{
	switch (insn->opcode) {
	case 0x00: return group6(cpu, insn);
	case 0x01: return group7(cpu, insn);
	case 0x02:
	case 0x03: return lar_lsl(cpu, insn);
	case 0x80 ... 0x8f:
		return jump_if(cpu, insn, condition(cpu, insn->opcode));
	case 0xa1:
	case 0xa9: return pop_segment(cpu, insn);
	case 0xa2: return cpuid(cpu);
	case 0xa3:
	case 0xab:
	case 0xb3:
	case 0xbb: return bit_in_string(cpu, insn);
	case 0xae: return group15(cpu, insn);
	case 0xb2: return load_far_pointer(cpu, insn, X86_SS);
	case 0xb4: return load_far_pointer(cpu, insn, X86_FS);
	case 0xb5: return load_far_pointer(cpu, insn, X86_GS);
	case 0xf7: return maskmov(cpu, insn);
	default: return trap(cpu, X86_UD);
	}
}

static bool emulate_one_byte(struct x86_cpu *cpu, const struct x86_insn *insn)
{
	int size = operand_size(insn);

	switch (insn->opcode) {
	case 0x00: return trap(cpu, X86_GP);
	case 0x07:
	case 0x17:
	case 0x1f: return pop_segment(cpu, insn);
	case 0x27: return decimal_adjust(cpu, 1);
	case 0x2f: return decimal_adjust(cpu, -1);
	case 0x37: return ascii_adjust(cpu, 1);
	case 0x3f: return ascii_adjust(cpu, -1);
	case 0x60: return pusha(cpu, size);
	case 0x61: return popa(cpu, size);
	case 0x62: return bound(cpu, insn);
	case 0x63: return arpl(cpu, insn);
	case 0x70 ... 0x7f:
		return jump_if(cpu, insn, condition(cpu, insn->opcode));
	case 0x8e: return mov_to_segment(cpu, insn);
	case 0x9a:
	case 0xea: return far_immediate(cpu, insn);
	case 0x9c: return pushf(cpu, insn);
	case 0x9d: return popf(cpu, insn);
	case 0xa4 ... 0xa7:
	case 0xaa ... 0xaf: return string(cpu, insn);
	case 0xc2:
	case 0xc3: return ret(cpu, insn);
	case 0xc4: return load_far_pointer(cpu, insn, X86_ES);
	case 0xc5: return load_far_pointer(cpu, insn, X86_DS);
	case 0xc8: return enter(cpu, insn);
	case 0xc9: return leave(cpu, size);
	case 0xca:
	case 0xcb: return far_return(cpu, insn);
	case 0xcc: return interrupt(cpu, insn, X86_BP);
	case 0xcd: return interrupt(cpu, insn, insn->imm);
	case 0xce: return into(cpu, insn);
	case 0xcf: return iret(cpu, insn);
	case 0xd4: return aam(cpu, insn->imm);
	case 0xd5: return aad(cpu, insn->imm);
	case 0xd6: return salc(cpu);
	case 0xd7: return xlat(cpu, insn);
	case 0xd9:
	case 0xdd: return store_environment(cpu, insn);
	case 0xdb: return fclex(cpu);
	case 0xe0 ... 0xe2: return loop(cpu, insn);
	case 0xe3: return jcxz(cpu, insn);
	case 0xe8: return call(cpu, insn, cpu->eip + insn->len + insn->imm);
	case 0xe9:
	case 0xeb: return jump_relative(cpu, insn);
	case 0xf1: return int1(cpu, insn);
	case 0xff: return group5(cpu, insn);
	default: return trap(cpu, X86_UD);
	}
}

void x86_emulate(struct x86_cpu *cpu, const struct x86_insn *insn)
{
	bool done;

	if (insn->fpu && x86_ts(cpu))
		done = trap(cpu, X86_NM);
	else if (insn->map == 1)
		done = emulate_0f(cpu, insn);
	else
		done = emulate_one_byte(cpu, insn);
	if (done)
		cpu->eip += insn->len;
}
/*:*/
