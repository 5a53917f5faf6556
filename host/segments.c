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

#define GDT_KERNEL_CS 12
#define GDT_KERNEL_DS 13
#define GDT_TLS 6
#define GDT_TLS_ENTRIES 3

/* The interesting half of a descriptor.  One that doesn't exist is no segment
 * of memory, so that nobody has to ask twice. */
static u32 descriptor_of(const struct lguest *lg, u16 selector)
{
	unsigned index = selector >> 3;

	if ((selector & X86_LDT) || index >= LGUEST_GDT_ENTRIES)
		return 0;
	return lg->gdt[index][1];
}
/*:*/

static bool has_base(int seg)
{
	return seg == X86_FS || seg == X86_GS;
}

/*H:510 May this selector be loaded into that register?  The processor knows the
 * rules; what it can't know is our table, and that we have no bases for the other
 * four: rather than to run on with the wrong one, a program gets a #GP. */
u8 segment_fault(const struct lguest *lg, int seg, u16 selector, u32 ring)
{
	u8 vector = x86_segment_fault(seg, selector,
				      descriptor_of(lg, selector), ring);

	if (vector || has_base(seg) || !(selector & ~X86_RPL))
		return vector;
	return x86_is_flat(seg, lg->gdt[selector >> 3]) ? 0 : X86_GP;
}
/*:*/

static u32 base_of(const struct lguest *lg, u16 selector)
{
	bool null = !(selector & ~X86_RPL);

	return null ? 0 : x86_segment_base(lg->gdt[selector >> 3]);
}

bool lguest_load_segment(struct x86_cpu *cpu, int seg, u16 selector)
{
	struct lguest *lg = lg_of(cpu);
	u32 ring = guest_ring(lg);
	u8 vector = segment_fault(lg, seg, selector, ring);

	if (vector) {
		x86_trap(cpu, vector, selector & ~X86_RPL, 0);
		return false;
	}
	if (seg == X86_CS)
		selector = (selector & ~X86_RPL) | ring;
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

/*H:520 A program doesn't get to keep the kernel's data segments.  This runs at
 * each iret to ring 3, and then mostly finds user segments. */
void drop_kernel_segments(struct lguest *lg)
{
	static const u8 segs[] = { X86_DS, X86_ES, X86_FS, X86_GS };
	struct x86_segment *seg;
	unsigned i;

	for (i = 0; i < sizeof(segs); i++) {
		seg = &lg->cpu.seg[segs[i]];
		if (x86_too_privileged(seg->selector,
				       descriptor_of(lg, seg->selector)))
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
	if (!(high & X86_DESC_DPL))
		high |= LGUEST_KERNEL_RING << X86_DESC_DPL_SHIFT;
	return high | X86_DESC_ACCESSED;
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
			   s->selector & ~X86_RPL);
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

/*M:600 Segments are checked when they're loaded and never again.  In cs, ss, ds
 * and es only flat ones can be, of 32 bits, and nothing of an LDT (on the PC, the
 * flat ones); what's between a limit of fs or gs and 4 GiB is theirs as well.  A
 * data segment that has become null works on, where a real processor has a #GP in
 * store for the first who uses it.
 *
 * No Linux kernel minds.  A museum's guard of a program would (dosemu, old Wine);
 * translated code could check a limit with a compare before each access, but
 * then it would need the flags.  Maybe you find a trick. :*/
