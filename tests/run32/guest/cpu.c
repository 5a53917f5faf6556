/* What a program can ask about the CPU: selectors, descriptors, eflags, and that
 * cpuid promises nothing which the processor doesn't have. */
#include "tests.h"

static u32 flags_after(u32 flags)
{
	u32 eflags;

	asm volatile("push %1\n\tpopf\n\tpushf\n\tpop %0\n\tpush $0x202\n\tpopf"
		     : "=r" (eflags) : "r" (flags) : "cc");
	return eflags;
}

static u32 flags_after_16(u32 flags)
{
	u32 eflags;

	asm volatile("pushw %w1\n\tpopfw\n\tpushf\n\tpop %0\n\tpush $0x202\n\tpopf"
		     : "=r" (eflags) : "r" (flags) : "cc");
	return eflags;
}

static void flags(void)
{
	static const u32 try[] = { 0, 0x202, 0xcd5, 0x3000, 0x200, 0x4000,
				   0x200000, 0x20000, 0x10000, 0x180000, 0x8028 };
	u32 i;

	for (i = 0; i < sizeof(try) / sizeof(try[0]); i++)
		print("flags %x: %x, 16 bits: %x\n", try[i], flags_after(try[i]),
		      flags_after_16(try[i]));
}

#define SELECTOR(seg)                                                          \
	({                                                                     \
		u32 value;                                                     \
		asm volatile("mov %%" seg ", %0" : "=r" (value));              \
		value;                                                         \
	})

static void descriptor(u32 selector)
{
	u32 rights = 0, limit = 0;
	u8 lar, lsl, verr, verw;

	asm volatile("lar %4, %0\n\tsetz %1\n\tlsl %4, %2\n\tsetz %3"
		     : "+&r" (rights), "=&q" (lar), "+&r" (limit), "=&q" (lsl)
		     : "r" (selector) : "cc");
	asm volatile("verr %w2\n\tsetz %0\n\tverw %w2\n\tsetz %1"
		     : "=&q" (verr), "=&q" (verw) : "r" (selector) : "cc");
	print("%x: lar %u %x lsl %u %x verr %u verw %u\n", selector, lar, rights,
	      lsl, limit, verr, verw);
}

static void segments(void)
{
	static u32 words[2] = { 0x12345678, 0x9abcdef0 };
	struct user_desc desc = {
		.entry_number = -1, .base_addr = (u32)words - 0x100,
		.limit = 0xfffff, .seg_32bit = 1, .limit_in_pages = 1,
		.useable = 1,
	};
	static const u16 selectors[] = { 0, 3, 0x23, 0x2b, 0x63, 0x6b, 0x67,
					 0x1000, 0x20, 0x28 };
	u32 value, i;

	print("cs %x ss %x ds %x es %x fs %x gs %x\n", SELECTOR("cs"),
	      SELECTOR("ss"), SELECTOR("ds"), SELECTOR("es"), SELECTOR("fs"),
	      SELECTOR("gs"));
	print("set_thread_area: %d,", sys(set_thread_area, &desc));
	print(" entry %u\n", desc.entry_number);
	for (i = 0; i < sizeof(selectors) / sizeof(selectors[0]); i++)
		descriptor(selectors[i]);
	asm volatile("mov %1, %%fs\n\tmov %%fs:0x104, %0\n\tmov %2, %%fs"
		     : "=r" (value) : "r" (desc.entry_number * 8 + 3), "r" (0));
	print("fs: %x\n", value);
	asm volatile("mov %1, %%gs\n\tmov $0xfffffffc, %0\n\t"
		     "mov %%gs:0x104(%0), %0\n\tmov %2, %%gs"
		     : "=&r" (value) : "r" (desc.entry_number * 8 + 3), "r" (0));
	print("gs: %x\n", value);
	asm volatile("push %%ds\n\tpush %%cs\n\tpop %0\n\tpop %%ds"
		     : "=r" (value));
	print("pushed cs %x\n", value & 0xffff);
	asm volatile("push %%cs\n\tpush $1f\n\tlret\n1:\tmov $1, %0" : "=r" (value));
	asm volatile("pushf\n\tpush %%cs\n\tpush $1f\n\tiret\n1:\tmov $2, %0"
		     : "=r" (value));
	print("far: %u\n", value);
	desc.base_addr += 4;
	asm volatile("mov %0, %%gs" : : "r" (desc.entry_number * 8 + 3));
	sys(set_thread_area, &desc);
	asm volatile("mov %%gs:0x100, %0" : "=r" (value));
	print("gs moved: %x\n", value);
	desc.base_addr = 0;
	print("get_thread_area: %d", sys(get_thread_area, &desc));
	print(" %x %x\n", desc.base_addr - (u32)words, desc.limit);
	desc.entry_number = 3;
	print("wrong entry: %d\n", sys(set_thread_area, &desc));
}

static void cpuid(u32 leaf, u32 out[4])
{
	asm volatile("cpuid"
		     : "=a" (out[0]), "=b" (out[1]), "=c" (out[2]), "=d" (out[3])
		     : "0" (leaf), "2" (0));
}

/* AVX needs OSXSAVE, which nobody may see; the program takes its SSE2 path. */
static void features(void)
{
	u32 out[4], leaf;

	cpuid(0, out);
	print("max leaf %u\n", out[0]);
	cpuid(1, out);
	print("not ours: %x %x\n", out[2] & ~0x201u, out[3] & ~0x07808111u);
	print("sse2: %s\n", out[3] & 1 << 26 ? "yes" : "no");
	for (leaf = 6; leaf < 0x20; leaf++) {
		cpuid(leaf, out);
		if (out[0] | out[1] | out[2] | out[3])
			print("leaf %x\n", leaf);
	}
	cpuid(0x80000001, out);
	print("extended: %x %x\n", out[2], out[3]);
}

/* cpuid alone differs from the machine's own, and is asked for. */
int main(void)
{
	if (arg(1)) {
		features();
	} else {
		flags();
		segments();
	}
	return 0;
}
