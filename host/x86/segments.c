/*S:800 May this selector be loaded into that segment register?
 *
 * The answers are those of the SDM (volume 3A, section 5.7, and the descriptions
 * of MOV, JMP and IRET), put as the vector of the trap, where 0 (divide error,
 * of all things) means that nothing is wrong.  Where the descriptor comes from,
 * and which ring the kernel is in, the machine knows. */
#include "x86.h"

static u32 dpl_of(u32 high)
{
	return high >> X86_DESC_DPL_SHIFT & 3;
}

static u8 code_fault(u32 high, u16 selector, u32 ring)
{
	u32 wanted = X86_DESC_MEMORY | X86_DESC_CODE;

	if ((high & wanted) != wanted)
		return X86_GP;
	if (high & X86_DESC_CONFORMING) {
		if (dpl_of(high) > ring)
			return X86_GP;
	} else if (dpl_of(high) != ring || (selector & X86_RPL) > ring) {
		return X86_GP;
	}
	return high & X86_DESC_PRESENT ? 0 : X86_NP;
}

static u8 stack_fault(u32 high, u16 selector, u32 ring)
{
	u32 wanted = X86_DESC_MEMORY | X86_DESC_WRITABLE;

	if ((high & (wanted | X86_DESC_CODE)) != wanted ||
	    dpl_of(high) != ring || (selector & X86_RPL) != ring)
		return X86_GP;
	return high & X86_DESC_PRESENT ? 0 : X86_SS_FAULT;
}

static u8 data_fault(u32 high, u16 selector, u32 ring)
{
	bool code = high & X86_DESC_CODE;

	if (!(high & X86_DESC_MEMORY) || (code && !(high & X86_DESC_READABLE)))
		return X86_GP;
	if (!(code && (high & X86_DESC_CONFORMING)) &&
	    (dpl_of(high) < ring || dpl_of(high) < (selector & X86_RPL)))
		return X86_GP;
	return high & X86_DESC_PRESENT ? 0 : X86_NP;
}

u8 x86_segment_fault(int seg, u16 selector, u32 high, u32 ring)
{
	if (seg == X86_CS)
		return code_fault(high, selector, ring);
	if (seg == X86_SS)
		return stack_fault(high, selector, ring);
	return selector & ~X86_RPL ? data_fault(high, selector, ring) : 0;
}
/*:*/

/* Base and limit, scattered as if they had been dropped. */
u32 x86_segment_base(const u32 descriptor[2])
{
	return descriptor[0] >> 16 | (descriptor[1] & 0xff) << 16 |
	       (descriptor[1] & 0xff000000);
}

u32 x86_segment_limit(const u32 descriptor[2])
{
	u32 limit = (descriptor[0] & 0xffff) | (descriptor[1] & 0xf0000);

	return descriptor[1] & 0x800000 ? limit << 12 | 0xfff : limit;
}

/* Base 0, and a limit of all there is, in pages: each iret asks this twice, so it's
 * two comparisons of all of their scattered bits.
 *
 * The bit that makes code conforming turns data upside down: what's below the
 * limit is outside.  Code and stack have 32 bits, or eip and esp wouldn't. */
#define FLAT_LOW 0x0000ffffu
#define FLAT_HIGH 0x008f0000u
#define FLAT_HIGH_BITS 0xff8f00ffu

bool x86_is_flat(int seg, const u32 descriptor[2])
{
	u32 low = descriptor[0], high = descriptor[1];
	u32 down = X86_DESC_CODE | X86_DESC_CONFORMING;

	return low == FLAT_LOW && (high & FLAT_HIGH_BITS) == FLAT_HIGH &&
	       (high & down) != X86_DESC_CONFORMING &&
	       (seg == X86_DS || seg == X86_ES || high & X86_DESC_32BIT);
}
