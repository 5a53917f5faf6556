/* The walk through a Guest's tables, compared with one that asks the SDM's
 * questions in another way; and what hypercalls tell the windows, which are
 * stubs that write down what they hear. */
#include "../../host/page_tables.c"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MEMORY_PAGES 64u

static struct lguest lg;
static u8 memory[MEMORY_PAGES * PAGE_SIZE] __attribute__((aligned(4096)));
static char reason[256], heard[256];
static unsigned tests, failed;

static void result(bool ok, const char *name)
{
	tests++;
	failed += !ok;
	printf("%sok %u - %s\n", ok ? "" : "not ", tests, name);
	if (!ok)
		printf("# reason '%s', heard '%s'\n", reason, heard);
	reason[0] = heard[0] = 0;
}

/* What page_tables.c calls */

void kill_guest(struct lguest *guest, const char *fmt, ...)
{
	va_list ap;

	(void)guest;
	va_start(ap, fmt);
	vsnprintf(reason, sizeof(reason), fmt, ap);
	va_end(ap);
}

void *guest_range(struct lguest *guest, u32 paddr, u32 len)
{
	return (u64)paddr + len > sizeof(memory) ? NULL :
						   guest->cpu.memory + paddr;
}

void *guest_range_or_kill(struct lguest *guest, u32 paddr, u32 len)
{
	if (!guest_range(guest, paddr, len))
		kill_guest(guest, "bad read address %#x len %u", paddr, len);
	return guest_range(guest, paddr, len);
}

static void hear(const char *fmt, ...)
{
	size_t len = strlen(heard);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(heard + len, sizeof(heard) - len, fmt, ap);
	va_end(ap);
}

void windows_enter(struct windows *w, u64 root, bool user)
{
	(void)w;
	hear("enter %llx %d;", (unsigned long long)root, user);
}

void windows_flush_page(struct windows *w, u64 root, u32 lin)
{
	(void)w;
	hear("page %llx %x;", (unsigned long long)root, lin);
}

void windows_flush_range(struct windows *w, u64 root, u32 lin, u32 len)
{
	(void)w;
	hear("range %llx %x %x;", (unsigned long long)root, lin, len);
}

void windows_flush_all(struct windows *w)
{
	(void)w;
	hear("all;");
}

void windows_flush_others(struct windows *w)
{
	(void)w;
	hear("others;");
}

void windows_forget(struct windows *w, u64 root)
{
	(void)w;
	(void)root;
	hear("forget;");
}

u64 x86_sum_page(const struct x86_cpu *cpu, u32 pfn)
{
	const u32 *words = (const u32 *)(cpu->memory + pfn * PAGE_SIZE);
	u64 sum = 1;

	for (u32 i = 0; i < PAGE_SIZE / 4; i++)
		sum = sum * 0x9e3779b97f4a7c15 + words[i];
	return sum;
}

static bool heard_is(const char *what)
{
	return !strcmp(heard, what);
}

static bool died_of(const char *what)
{
	return !strcmp(reason, what);
}

/* Tables: the directory in page 1 (PAE: the four entries), PAE's middle table
 * in page 2, the page table in page 3. */
#define ROOT 0x1000u
#define MIDDLE 0x2000u
#define TABLE 0x3000u
#define LIN 0x08049000u

static u32 *upper_word(void)
{
	return lg.pae ? (u32 *)(memory + MIDDLE) + (LIN >> 21 & 511) * 2 :
			(u32 *)(memory + ROOT) + (LIN >> 22);
}

static u32 *lower_word(void)
{
	return lg.pae ? (u32 *)(memory + TABLE) + (LIN >> 12 & 511) * 2 :
			(u32 *)(memory + TABLE) + (LIN >> 12 & 1023);
}

static void set_tables(bool pae, u32 upper, u32 lower)
{
	memset(memory, 0, sizeof(memory));
	lg.pae = pae;
	lg.pgdir = ROOT;
	if (pae)
		*(u32 *)(memory + ROOT) = MIDDLE | 1;
	*upper_word() = upper;
	*lower_word() = lower;
}

/* What a 386 with WP makes of it: 0, or 0x100 | error code. */
static u32 verdict(u32 upper, u32 lower, u32 access)
{
	if (!(upper & 1) || !(lower & 1))
		return 0x100 | access;
	if (access & X86_WRITE && !(upper & lower & 2))
		return 0x101 | access;
	if (access & X86_USER && !(upper & lower & 4))
		return 0x101 | access;
	return 0;
}

static bool check_walk(bool pae, u32 upper, u32 lower, u32 access)
{
	struct guest_page page;
	u32 error, expected = verdict(upper, lower, access), got;
	u32 dirty = access & X86_WRITE ? 0x60 : 0x20;

	set_tables(pae, upper, lower);
	got = lguest_reader.walk(&lg, ROOT, LIN, access, &page, &error) ?
		      0 : 0x100 | error;
	if (got != expected)
		return false;
	if (got)
		return *upper_word() == upper && *lower_word() == lower;
	return page.pfn == lower >> 12 && *upper_word() == (upper | 0x20) &&
	       *lower_word() == (lower | dirty) &&
	       !(page.flags & GUEST_PAGE_WRITE) == !(upper & lower & 2) &&
	       !(page.flags & GUEST_PAGE_USER) == !(upper & lower & 4) &&
	       page.flags & GUEST_PAGE_ACCESSED &&
	       !(page.flags & GUEST_PAGE_DIRTY) == !((lower | dirty) & 0x40);
}

static bool check_peek(bool pae, u32 upper, u32 lower)
{
	struct guest_page page;
	bool found;

	set_tables(pae, upper, lower);
	found = lguest_reader.peek(&lg, ROOT, LIN, &page);
	return found == (upper & lower & 1) && *upper_word() == upper &&
	       *lower_word() == lower &&
	       (!found ||
		(page.pfn == lower >> 12 &&
		 !(page.flags & GUEST_PAGE_ACCESSED) == !(lower & 0x20) &&
		 !(page.flags & GUEST_PAGE_DIRTY) == !(lower & 0x40)));
}

static void test_flags(bool pae)
{
	bool walks = true, peeks = true;

	for (u32 flags = 0; flags < 128; flags++) {
		/* P RW US in both, A in both, D below */
		u32 upper = TABLE | (flags & 7) | (flags & 8 ? 0x20 : 0);

		for (u32 low = 0; low < 32; low++) {
			u32 lower = 0x5000 | (low & 7) |
				    (low & 8 ? 0x20 : 0) |
				    (low & 16 ? 0x40 : 0);

			for (u32 access = 0; access < 8; access += 2)
				walks &= check_walk(pae, upper, lower, access);
			peeks &= check_peek(pae, upper, lower);
		}
	}
	result(walks && !reason[0], pae ? "PAE: every walk" : "every walk");
	result(peeks && !reason[0],
	       pae ? "PAE: peek leaves no trace" : "peek leaves no trace");
}

static bool kills(bool pae, u32 upper, u64 lower, const char *why)
{
	struct guest_page page;
	u32 error;

	set_tables(pae, upper, lower);
	if (pae)
		lower_word()[1] = lower >> 32;
	if (lguest_reader.peek(&lg, ROOT, LIN, &page) || reason[0])
		return false;
	return !lguest_reader.walk(&lg, ROOT, LIN, X86_WRITE, &page, &error) &&
	       died_of(why);
}

static void test_deaths(bool pae)
{
	const char *pgd = "bad page directory entry";
	const char *pte = "bad page table entry";

	result(kills(pae, TABLE | 0x80 | 7, 0x5007, pgd), "upper: PSE");
	result(kills(pae, TABLE | 0x107, 0x5007, pgd), "upper: unknown flag");
	result(kills(pae, 0x40000 | 7, 0x5007, pgd), "upper: beyond memory");
	result(kills(pae, TABLE | 7, 0x5087, pte), "lower: PSE");
	result(kills(pae, TABLE | 7, 0x40007, pte), "lower: beyond memory");
	if (!pae)
		return;
	result(kills(true, TABLE | 7, 0x100005007ull, pte), "lower: above 4 GB");
	result(kills(true, TABLE | 7, 1ull << 63 | 0x5007, pte), "lower: NX");
}

static void test_edges(void)
{
	struct guest_page page;
	u32 error = 0;

	lg.pae = false;
	result(!lguest_reader.walk(&lg, 0x40000, LIN, 0, &page, &error) &&
		       died_of("bad read address 0x40080 len 4"),
	       "directory outside memory");
	memset(memory, 0xff, sizeof(memory));
	result(!lguest_reader.walk(&lg, ROOT, 0xffc00000, X86_WRITE, &page,
				   &error) &&
		       error == X86_WRITE && !reason[0],
	       "nothing lives in the top 4 MB");
	lg.pae = true;
	result(!lguest_reader.walk(&lg, ROOT, 0xffe00000, X86_USER, &page,
				   &error) &&
		       error == X86_USER && !reason[0],
	       "PAE: nor in the top 2 MB");
	result(lguest_reader.walk(&lg, WINDOWS_LINEAR, 0x3f123, X86_WRITE,
				  &page, &error) &&
		       page.pfn == 0x3f && page.flags == 15,
	       "linear: all rights");
	result(!lguest_reader.walk(&lg, WINDOWS_LINEAR, 0x40000, 0, &page,
				   &error) && !error,
	       "linear: the end of memory");
}

/* Another sum for another table, and for another place of it. */
static bool sum_tells(bool pae)
{
	u32 lin = LIN & ~0x3fffffu;
	u64 before, used, moved;

	set_tables(pae, TABLE | 7, 0x5007);
	before = lguest_reader.sum(&lg, ROOT, lin);
	*upper_word() |= 0x20;
	used = lguest_reader.sum(&lg, ROOT, lin);
	*lower_word() ^= 0x20;
	if (!before || used != before ||
	    lguest_reader.sum(&lg, ROOT, lin) == before)
		return false;
	*lower_word() ^= 0x20;
	*upper_word() ^= 4;
	if (lguest_reader.sum(&lg, ROOT, lin) == before)
		return false;
	*upper_word() = 0;
	if (lguest_reader.sum(&lg, ROOT, lin))
		return false;
	upper_word()[2] = TABLE | 7;	/* PAE: the region's other half */
	moved = lguest_reader.sum(&lg, ROOT, lin);
	return pae ? moved && moved != before : !moved;
}

static void test_sums(void)
{
	result(sum_tells(false), "the sum of a region");
	result(sum_tells(true), "PAE: the sum of a region");
	set_tables(false, 0x40000 | 7, 0);
	result(!lguest_reader.sum(&lg, ROOT, LIN & ~0x3fffffu) &&
		       !lguest_reader.sum(&lg, ROOT, 0xffc00000) && !reason[0],
	       "no sum of what isn't there, and nobody dies of it");
}

static void first_table(u32 word0, u32 word1, u32 word2)
{
	memset(memory, 0, sizeof(memory));
	((u32 *)(memory + ROOT))[0] = word0;
	((u32 *)(memory + ROOT))[1] = word1;
	((u32 *)(memory + ROOT))[2] = word2;
	lg.pgdir = WINDOWS_LINEAR;
	lg.pae = false;
	heard[0] = 0;
	guest_new_pagetable(&lg, ROOT);
}

static void test_layouts(void)
{
	first_table(0x2067, 0, 0);
	result(!lg.pae && lg.pgdir == ROOT &&
		       heard_is("enter 1000 0;forget;all;"),
	       "two levels, as Linux has them");
	first_table(0x2001, 0, 0x3001);
	result(lg.pae, "PAE, as Linux has it");
	first_table(0x2001, 0x3001, 0);
	result(!lg.pae, "two levels without flags");
	first_table(0, 0, 0);
	result(!lg.pae, "nothing in the lower 16 MB: two levels");
	first_table(0x2001, 0, 0x90001);
	result(!lg.pae, "beyond memory: two levels");
	guest_new_pagetable(&lg, 0x2fff);
	result(lg.pgdir == 0x2000, "low bits of the directory mean nothing");
	heard[0] = 0;
	guest_new_pagetable(&lg, 0x5000);
	result(heard_is("enter 5000 0;"), "another directory, no flush");
}

static void test_news(void)
{
	set_tables(false, 0, 0);
	lg.cpu.global_start = 0xc0000000;
	guest_set_pte(&lg, 0x4000, 0x1234567, 0x5067);
	result(heard_is("page 4000 1234567;"), "SET_PTE");
	guest_set_pte(&lg, 0x4000, 0xffc00000, 0x5067);
	result(heard_is("") && !reason[0], "SET_PTE at the very top: ignored");
	guest_set_pte(&lg, 0x4000, 0x1234567, 0xfffff0fe);
	result(!reason[0], "SET_PTE: what isn't present may be anything");
	guest_set_pte(&lg, 0x4000, 0x1234567, 0x40067);
	result(died_of("bad page table entry"), "SET_PTE beyond memory");
	lg.pgdir = WINDOWS_LINEAR;
	guest_set_pte(&lg, 0x4000, 0x1234567, 0x50e7);
	result(died_of("bad page table entry") && heard_is(""),
	       "SET_PTE with PSE, without paging");
	lg.pgdir = ROOT;
	guest_set_pgd(&lg, 0x4000, 1022);
	result(heard_is("range 4000 ff800000 400000;"), "SET_PGD");
	guest_set_pgd(&lg, 0x4000, 1023);
	guest_set_pmd(&lg, 0x4000, 1);
	result(heard_is(""), "SET_PGD at the top, SET_PMD without PAE: ignored");
	guest_flush_user(&lg);
	result(heard_is("range 1000 0 c0000000;"), "FLUSH_TLB: the user part");
	guest_flush_all(&lg);
	result(heard_is("all;"), "FLUSH_TLB: all");
}

static void test_pae_news(void)
{
	set_tables(true, 0, 0);
	guest_set_pgd(&lg, 0x4020, 3);
	result(heard_is("range 4020 c0000000 40000000;"), "PAE: SET_PGD");
	guest_set_pgd(&lg, 0x4020, 4);
	result(heard_is(""), "PAE: SET_PGD of a fifth entry: ignored");
	guest_set_pmd(&lg, MIDDLE, 5);
	result(heard_is("range 1000 a00000 200000;"), "SET_PMD of our own");
	guest_set_pmd(&lg, 0x7000, 5);
	result(heard_is("others;"), "SET_PMD of somebody else's");
	guest_set_pmd(&lg, MIDDLE, 512);
	result(heard_is(""), "SET_PMD of entry 512: ignored");
}

int main(void)
{
	lg.cpu.memory = memory;
	lg.cpu.memory_pages = MEMORY_PAGES;
	test_flags(false);
	test_flags(true);
	test_deaths(false);
	test_deaths(true);
	test_edges();
	test_sums();
	test_layouts();
	test_news();
	test_pae_news();
	printf("1..%u\n", tests);
	return failed != 0;
}
