/*H:750 Segments, from tables in the Guest's memory.
 *
 * As for lguest Guests, fs and gs have a base, and everything else is flat: in any
 * kernel that we'd want to run, at least. */
#include "machine.h"

/* The descriptor that @selector names; all zeroes, which is not present and no
 * segment of memory, if there is none. */
static void read_descriptor(struct pc *pc, u16 selector, u32 descriptor[2])
{
	const struct pc_table *table = selector & X86_LDT ? &pc->ldt : &pc->gdt;
	u32 offset = selector & ~7u, error, address;

	if (!(selector & ~X86_RPL) || offset + 7 > table->limit ||
	    !x86_access(&pc->cpu, table->base + offset, descriptor, 8, 0,
			&error, &address))
		descriptor[0] = descriptor[1] = 0;
}

bool pc_descriptor(struct x86_cpu *cpu, u16 selector, u32 out[2])
{
	read_descriptor(pc_of(cpu), selector, out);
	return out[1];
}

static bool has_base(int seg)
{
	return seg == X86_FS || seg == X86_GS;
}
/*:*/

/*H:751 Since there may be others, we look.  Who wants one that isn't flat gets the
 * fault of a bad selector, and his user a line about it.  The ends of fs and gs are
 * another matter: many a program's thread-local storage has one, none relies on
 * it, and there it's just the line.
 *
 * The descriptor tells whose it is, and not who loads it: a kernel does that for
 * its programs, on the way back to them. */
static bool is_programs(const u32 descriptor[2])
{
	return (descriptor[1] & X86_DESC_DPL) == X86_DESC_DPL;
}

static u8 refuse_segment(struct pc *pc, int seg, const u32 descriptor[2])
{
	static const char name[][3] = { "es", "cs", "ss", "ds" };

	pc_note(pc, &pc->told_of_refusal,
		"%s wants a segment of %u bits with base %#x and limit %#x in "
		"%s at %#x: not here, that's a #GP",
		is_programs(descriptor) ? "a program of the Guest's" :
					  "the Guest's kernel",
		descriptor[1] & X86_DESC_32BIT ? 32 : 16,
		x86_segment_base(descriptor), x86_segment_limit(descriptor),
		name[seg], pc->cpu.eip);
	return X86_GP;
}

static void note_limit(struct pc *pc, int seg, const u32 descriptor[2])
{
	pc_note(pc, &pc->told_of_limit,
		"a program of the Guest's wants %s to have limit %#x: "
		"nobody watches that here",
		seg == X86_FS ? "fs" : "gs", x86_segment_limit(descriptor));
}

static u8 check_segment(struct pc *pc, int seg, u16 selector, u32 ring,
			u32 descriptor[2])
{
	u8 vector;

	read_descriptor(pc, selector, descriptor);
	vector = x86_segment_fault(seg, selector, descriptor[1], ring);
	if (vector || !(selector & ~X86_RPL))
		return vector;
	if (!has_base(seg))
		return x86_is_flat(seg, descriptor) ?
			       0 : refuse_segment(pc, seg, descriptor);
	if (x86_segment_limit(descriptor) != ~0u && is_programs(descriptor))
		note_limit(pc, seg, descriptor);
	return 0;
}

u8 pc_segment_fault(struct pc *pc, int seg, u16 selector, u32 ring)
{
	u32 descriptor[2];

	return check_segment(pc, seg, selector, ring, descriptor);
}

/* The Guest doesn't say when it changes a descriptor, so one whose base matters
 * is read each time. */
bool pc_load_segment(struct x86_cpu *cpu, int seg, u16 selector)
{
	struct pc *pc = pc_of(cpu);
	u32 ring = pc_ring(pc), descriptor[2];
	u8 vector = check_segment(pc, seg, selector, ring, descriptor);

	if (vector) {
		x86_trap(cpu, vector, selector & ~X86_RPL, 0);
		return false;
	}
	if (seg == X86_CS)
		selector = (selector & ~X86_RPL) | ring;
	x86_set_selector(&cpu->seg[seg], selector, !has_base(seg));
	cpu->seg[seg].base = has_base(seg) ? x86_segment_base(descriptor) : 0;
	return true;
}

/* A program doesn't get to keep the kernel's data segments. */
void pc_drop_kernel_segments(struct pc *pc)
{
	static const u8 segs[] = { X86_DS, X86_ES, X86_FS, X86_GS };
	u32 descriptor[2];

	for (unsigned i = 0; i < sizeof(segs); i++) {
		struct x86_segment *seg = &pc->cpu.seg[segs[i]];

		if (!(seg->selector & ~X86_RPL) || (seg->selector & 3) == 3)
			continue;
		read_descriptor(pc, seg->selector, descriptor);
		if (x86_too_privileged(seg->selector, descriptor[1]))
			*seg = (struct x86_segment){ 0 };
	}
}
/*:*/

/*H:752 The two selectors that name no memory for programs: the local descriptor
 * table, and the task state segment, where a kernel keeps the stack for its
 * traps.  A null selector for the former means that there is none. */
#define TYPE_OF(high) ((high) >> 8 & 15)

bool pc_load_system(struct pc *pc, struct pc_table *table, u16 selector,
		    u32 type)
{
	u32 descriptor[2];

	if (!(selector & ~X86_RPL) && table == &pc->ldt) {
		*table = (struct pc_table){ 0 };
		return true;
	}
	read_descriptor(pc, selector, descriptor);
	if (selector & X86_LDT || descriptor[1] & X86_DESC_MEMORY ||
	    TYPE_OF(descriptor[1]) != type ||
	    !(descriptor[1] & X86_DESC_PRESENT)) {
		x86_trap(&pc->cpu, X86_GP, selector & ~X86_RPL, 0);
		return false;
	}
	table->base = x86_segment_base(descriptor);
	table->limit = x86_segment_limit(descriptor);
	return true;
}
/*:*/
