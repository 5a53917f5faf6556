/*H:500 Segments: a walk through a museum.
 *
 * In 1985 a program's memory was to be a set of segments, each with a base, a
 * limit, a type and a privilege level, described by eight bytes in a table whose
 * fields are scattered as if they had been dropped.  Unix wanted one big flat
 * array and got it by making all segments start at 0 and end at 4 GiB.  What is
 * left in daily use is the privilege level, which says whether we are the kernel
 * or a program, and the bases of fs and gs, by which threads find what is theirs.
 *
 * So this file has two tasks.  It keeps the Guest's table, 32 entries as Linux
 * has them; and it decides, as the processor would, whether a selector may be
 * loaded into a segment register.  Bases count for fs and gs; limits are left to
 * the museum. */
#include "lg.h"

#define SEGMENT_CODE 0x00000800u
#define SEGMENT_CONFORMING 0x00000400u	/* of code */
#define SEGMENT_READABLE 0x00000200u	/* of code */
#define SEGMENT_WRITABLE 0x00000200u	/* of data */
#define SEGMENT_ACCESSED 0x00000100u
#define SEGMENT_MEMORY 0x00001000u	/* not a gate, TSS or LDT */
#define SEGMENT_PRESENT 0x00008000u
#define SEGMENT_32BIT 0x00400000u
#define SEGMENT_DPL_SHIFT 13

#define SELECTOR_RPL 3u
#define SELECTOR_LDT 4u

#define GDT_KERNEL_CS 12
#define GDT_KERNEL_DS 13
#define GDT_TLS 6
#define GDT_TLS_ENTRIES 3

static u32 dpl_of(u32 high)
{
	return high >> SEGMENT_DPL_SHIFT & 3;
}

static bool is_null(u16 selector)
{
	return !(selector & ~SELECTOR_RPL);
}

/* The interesting half of a descriptor.  One that doesn't exist is no segment
 * of memory, so that nobody has to ask twice. */
static u32 descriptor_of(const struct lguest *lg, u16 selector)
{
	unsigned index = selector >> 3;

	if ((selector & SELECTOR_LDT) || index >= LGUEST_GDT_ENTRIES)
		return 0;
	return lg->gdt[index][1];
}
/*:*/

/*H:510 May this selector be loaded into that register?  The answers are those
 * of the SDM (volume 3A, section 5.7, and the descriptions of MOV, JMP and
 * IRET), put as the vector of the trap, where 0 (divide error, of all things)
 * means that nothing is wrong. */
static u8 code_fault(u32 high, u16 selector, u32 ring)
{
	u32 wanted = SEGMENT_MEMORY | SEGMENT_CODE | SEGMENT_32BIT;

	if ((high & wanted) != wanted)
		return X86_GP;
	if (high & SEGMENT_CONFORMING) {
		if (dpl_of(high) > ring)
			return X86_GP;
	} else if (dpl_of(high) != ring || (selector & SELECTOR_RPL) > ring) {
		return X86_GP;
	}
	return high & SEGMENT_PRESENT ? 0 : X86_NP;
}

static u8 stack_fault(u32 high, u16 selector, u32 ring)
{
	u32 wanted = SEGMENT_MEMORY | SEGMENT_WRITABLE;

	if ((high & (wanted | SEGMENT_CODE)) != wanted ||
	    dpl_of(high) != ring || (selector & SELECTOR_RPL) != ring)
		return X86_GP;
	return high & SEGMENT_PRESENT ? 0 : X86_SS_FAULT;
}

static u8 data_fault(u32 high, u16 selector, u32 ring)
{
	bool code = high & SEGMENT_CODE;

	if (!(high & SEGMENT_MEMORY) || (code && !(high & SEGMENT_READABLE)))
		return X86_GP;
	if (!(code && (high & SEGMENT_CONFORMING)) &&
	    (dpl_of(high) < ring || dpl_of(high) < (selector & SELECTOR_RPL)))
		return X86_GP;
	return high & SEGMENT_PRESENT ? 0 : X86_NP;
}

u8 segment_fault(const struct lguest *lg, int seg, u16 selector, u32 ring)
{
	u32 high = descriptor_of(lg, selector);

	if (seg == X86_CS)
		return code_fault(high, selector, ring);
	if (seg == X86_SS)
		return stack_fault(high, selector, ring);
	return is_null(selector) ? 0 : data_fault(high, selector, ring);
}
/*:*/

static u32 base_of(const struct lguest *lg, u16 selector)
{
	const u32 *entry = lg->gdt[selector >> 3];

	if (is_null(selector))
		return 0;
	return entry[0] >> 16 | (entry[1] & 0xff) << 16 |
	       (entry[1] & 0xff000000);
}

static bool has_base(int seg)
{
	return seg == X86_FS || seg == X86_GS;
}

bool lguest_load_segment(struct x86_cpu *cpu, int seg, u16 selector)
{
	struct lguest *lg = lg_of(cpu);
	u32 ring = guest_ring(lg);
	u8 vector = segment_fault(lg, seg, selector, ring);

	if (vector) {
		x86_trap(cpu, vector, selector & ~SELECTOR_RPL, 0);
		return false;
	}
	if (seg == X86_CS)
		selector = (selector & ~SELECTOR_RPL) | ring;
	x86_set_selector(&cpu->seg[seg], selector, true);
	cpu->seg[seg].base = has_base(seg) ? base_of(lg, selector) : 0;
	return true;
}

bool lguest_descriptor(struct x86_cpu *cpu, u16 selector, u32 out[2])
{
	struct lguest *lg = lg_of(cpu);

	if (!descriptor_of(lg, selector))
		return false;
	out[0] = lg->gdt[selector >> 3][0];
	out[1] = lg->gdt[selector >> 3][1];
	return true;
}

/*H:520 A kernel on its way to a program leaves its data segments loaded as often
 * as not; the processor takes them away, or else the program could use them.
 * This runs at each iret to ring 3, and then mostly finds user segments: so the
 * common case should be a mask and two compares. */
static bool too_privileged(const struct lguest *lg, u16 selector)
{
	u32 high = descriptor_of(lg, selector);

	if (dpl_of(high) == LGUEST_USER_RING || is_null(selector))
		return false;
	return !(high & SEGMENT_CODE) || !(high & SEGMENT_CONFORMING);
}

void drop_kernel_segments(struct lguest *lg)
{
	static const u8 segs[] = { X86_DS, X86_ES, X86_FS, X86_GS };
	struct x86_segment *seg;
	unsigned i;

	for (i = 0; i < sizeof(segs); i++) {
		seg = &lg->cpu.seg[segs[i]];
		if (too_privileged(lg, seg->selector))
			*seg = (struct x86_segment){ 0 };
	}
}
/*:*/

/*H:530 Now for changes of the table.  Four entries were the old Host's own, and
 * Guests know better than to expect anything there: its code and data (it lived
 * in the Guest's address space, at the top), its task state, and the one for
 * double faults.  We have no use for them, but a Guest should not find out.
 *
 * And ring 0 is out of the question.  Linux says "DPL 0" in all innocence, so
 * we make that 1; and set "accessed", since the old Host had the real CPU use
 * the table read-only. */
static bool ignored_entry(u32 number)
{
	return number == 10 || number == 11 || number == 16 || number == 31;
}

static u32 fixed_up(u32 high)
{
	if (dpl_of(high) == 0)
		high |= LGUEST_KERNEL_RING << SEGMENT_DPL_SHIFT;
	return high | SEGMENT_ACCESSED;
}

/* A register that holds the changed entry has cached what was in it.  The real
 * processor would keep that until the next load, but the old Host reloaded all
 * of them on its way into the Guest: so fs and gs see the change at once, and
 * an unusable code, stack or data segment was the Guest's death. */
static void refresh(struct lguest *lg, int seg)
{
	struct x86_segment *s = &lg->cpu.seg[seg];
	u8 vector = segment_fault(lg, seg, s->selector, guest_ring(lg));

	x86_set_selector(s, s->selector, !vector);
	if (!vector && has_base(seg))
		s->base = base_of(lg, s->selector);
	else if (vector && !has_base(seg))
		kill_guest(lg, "unhandled trap 256 at %#x (%#x)", lg->cpu.eip,
			   s->selector & ~SELECTOR_RPL);
}

static void set_entry(struct lguest *lg, u32 number, u32 low, u32 high)
{
	int seg;

	if (ignored_entry(number))
		return;
	lg->gdt[number][0] = low;
	lg->gdt[number][1] = fixed_up(high);
	for (seg = X86_ES; seg <= X86_GS; seg++)
		if (lg->cpu.seg[seg].selector >> 3 == number && number)
			refresh(lg, seg);
}

void load_guest_gdt_entry(struct lguest *lg, u32 number, u32 low, u32 high)
{
	if (number >= LGUEST_GDT_ENTRIES)
		kill_guest(lg, "too many gdt entries %u", number);
	else
		set_entry(lg, number, low, high);
}
/*:*/

/*H:540 Three entries are a thread's own, and Linux changes them each time it
 * goes from one program to another.  That often that they have a hypercall to
 * themselves. */
void load_guest_tls(struct lguest *lg, u32 paddr)
{
	const volatile u32 *tls =
		guest_range_or_kill(lg, paddr, GDT_TLS_ENTRIES * 8);
	unsigned i;

	for (i = 0; tls && i < GDT_TLS_ENTRIES; i++)
		set_entry(lg, GDT_TLS + i, tls[2 * i], tls[2 * i + 1]);
}

/* Flat code and data for the kernel is what a Guest starts with; the rest of
 * its furniture it brings along. */
void init_guest_gdt(struct lguest *lg)
{
	lg->gdt[GDT_KERNEL_CS][0] = lg->gdt[GDT_KERNEL_DS][0] = 0x0000ffff;
	lg->gdt[GDT_KERNEL_CS][1] = fixed_up(0x00cf9a00);
	lg->gdt[GDT_KERNEL_DS][1] = fixed_up(0x00cf9200);
	lg->cpu.seg[X86_CS].selector = LGUEST_KERNEL_CS;
	x86_set_selector(&lg->cpu.seg[X86_DS], LGUEST_KERNEL_DS, true);
	x86_set_selector(&lg->cpu.seg[X86_ES], LGUEST_KERNEL_DS, true);
	lg->cpu.seg[X86_SS].selector = LGUEST_KERNEL_DS;
}
/*:*/

/*M:600 Segments are checked when they're loaded and never again.  Limits mean
 * nothing, and neither do the bases of cs, ss, ds and es.  A data segment that
 * has become null works on, where a real processor has a #GP in store for the
 * first who uses it.  Code segments of 16 bits can't be loaded at all, nor can
 * anything of an LDT.
 *
 * No Linux kernel minds.  A museum's guard of a program would (dosemu, old Wine);
 * translated code could check a limit with a compare before each access, but
 * then it would need the flags.  Maybe you find a trick. :*/
