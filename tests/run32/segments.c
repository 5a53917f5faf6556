/* The few segments of a Linux program: flat code, flat data, and three entries
 * for thread-local storage.  And cpuid, the other thing that a program asks the
 * CPU about itself. */
#include <asm/ldt.h>
#include <cpuid.h>
#include <errno.h>

#include "run32.h"

#define FIRST_TLS 12
#define TLS_ENTRIES 3

/* Flat, present, ring 3, accessed, 4 GiB (SDM 3A:3.4.5). */
static const u32 flat_code[2] = { 0x0000ffff, 0x00cffb00 };
static const u32 flat_data[2] = { 0x0000ffff, 0x00cff300 };

static struct user_desc tls[TLS_ENTRIES];
static bool tls_used[TLS_ENTRIES];

static int tls_of(u16 selector)
{
	int i = (selector >> 3) - FIRST_TLS;

	return !(selector & 4) && i >= 0 && i < TLS_ENTRIES && tls_used[i] ?
		       i : -1;
}

static void set_segment(int seg, u16 selector, u32 base)
{
	cpu.seg[seg] = (struct x86_segment){ base, selector, 0 };
}

void segments_init_data(void)
{
	set_segment(X86_DS, USER_DS, 0);
	set_segment(X86_ES, USER_DS, 0);
}

void segments_init(void)
{
	set_segment(X86_CS, USER_CS, 0);
	set_segment(X86_SS, USER_DS, 0);
	segments_init_data();
	set_segment(X86_FS, 0, 0);
	set_segment(X86_GS, 0, 0);
}

/* cs takes code, ss data; the others take data or nothing. */
static bool flat_fits(int seg, u16 selector)
{
	if (seg == X86_CS)
		return selector == USER_CS;
	if (selector == USER_DS)
		return true;
	return seg != X86_SS && (!(selector & ~3) || selector == USER_CS);
}

bool segments_load(struct x86_cpu *cpu, int seg, u16 selector)
{
	int i = tls_of(selector);

	if (flat_fits(seg, selector)) {
		set_segment(seg, selector, 0);
		return true;
	}
	if (i >= 0 && seg != X86_CS && seg != X86_SS) {
		set_segment(seg, selector, tls[i].base_addr);
		return true;
	}
	x86_trap(cpu, X86_GP, selector & ~3u, 0);
	return false;
}

static void tls_descriptor(const struct user_desc *d, u32 out[2])
{
	u32 limit = d->limit, base = d->base_addr;

	out[0] = (limit & 0xffff) | base << 16;
	out[1] = (base >> 16 & 0xff) | (d->read_exec_only ? 0 : 0x200) |
		 d->contents << 10 | 0xf100 | (limit & 0xf0000) |
		 d->useable << 20 | d->seg_32bit << 22 |
		 d->limit_in_pages << 23 | (base & 0xff000000);
}

bool segments_descriptor(struct x86_cpu *cpu, u16 selector, u32 out[2])
{
	const u32 *flat = (selector | 3) == USER_CS ? flat_code : flat_data;
	int i = tls_of(selector);

	(void)cpu;
	if (i >= 0) {
		tls_descriptor(&tls[i], out);
		return true;
	}
	if ((selector | 3) != USER_CS && (selector | 3) != USER_DS)
		return false;
	copy_bytes(out, flat, 8);
	return true;
}

static int free_tls(void)
{
	for (int i = 0; i < TLS_ENTRIES; i++)
		if (!tls_used[i])
			return i;
	return -1;
}

/* What an entry that is loaded just now looks like changes at once. */
static void refresh(int i)
{
	for (int seg = X86_ES; seg <= X86_GS; seg++)
		if (tls_of(cpu.seg[seg].selector) == i)
			cpu.seg[seg].base = tls[i].base_addr;
}

u32 segments_set_thread_area(u32 user_desc)
{
	struct user_desc d;
	int i;

	if (!get_user(&d, user_desc, sizeof(d)))
		return -EFAULT;
	i = d.entry_number == -1u ? free_tls() : (int)d.entry_number - FIRST_TLS;
	if (d.entry_number == -1u && i < 0)
		return -ESRCH;
	if (i < 0 || i >= TLS_ENTRIES)
		return -EINVAL;
	d.entry_number = i + FIRST_TLS;
	if (!put_user(user_desc, &d.entry_number, sizeof(u32)))
		return -EFAULT;
	tls[i] = d;
	tls_used[i] = !d.seg_not_present;
	refresh(i);
	return 0;
}

u32 segments_get_thread_area(u32 user_desc)
{
	struct user_desc d;
	u32 i;

	if (!get_user(&d, user_desc, sizeof(d)))
		return -EFAULT;
	i = d.entry_number - FIRST_TLS;
	if (i >= TLS_ENTRIES)
		return -EINVAL;
	tls[i].entry_number = i + FIRST_TLS;
	return put_user(user_desc, &tls[i], sizeof(d)) ? 0 : -EFAULT;
}

/*
 * An i686 with SSE2, SSE3 and SSSE3, if the machine has them, and nothing since.
 */
#define MAX_LEAF 5
/* fpu tsc cx8 cmov mmx fxsr sse sse2 */
#define FEATURES_EDX 0x07808111u
/* sse3 ssse3 */
#define FEATURES_ECX 0x00000201u

u32 cpu_features(void)
{
	u32 eax, ebx, ecx, edx;

	__cpuid(1, eax, ebx, ecx, edx);
	return edx & FEATURES_EDX;
}

void answer_cpuid(struct x86_cpu *cpu, u32 leaf, u32 subleaf, u32 out[4])
{
	(void)cpu;
	zero_bytes(out, 16);
	if (leaf > MAX_LEAF)
		return;
	__cpuid_count(leaf, subleaf, out[0], out[1], out[2], out[3]);
	if (leaf == 0) {
		out[0] = MAX_LEAF;
	} else if (leaf == 1) {
		out[2] &= FEATURES_ECX;
		out[3] &= FEATURES_EDX;
	}
}
