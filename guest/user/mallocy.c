/*D:836 Memory, asked for and given back.  What comes from the kernel is zero,
 * however often it has been used; what went back is gone. */
#include "user.h"

#define PAGES 100
#define PAGE 4096

static u8 big_bss[PAGES * PAGE];

static void check_zero(const u8 *pages, const char *what)
{
	u32 i;

	for (i = 0; i < PAGES * PAGE; i += PAGE / 4)
		if (pages[i] != 0)
			fail("%s: %x at %u", what, pages[i], i);
}

static void fill(u8 *pages)
{
	u32 i;

	for (i = 0; i < PAGES * PAGE; i += PAGE / 4)
		pages[i] = 0xaa;
}

static void mapped(void)
{
	int round, result;

	for (round = 0; round < 5; round++) {
		u8 *pages = map_pages(PAGES * PAGE);

		check_zero(pages, "mmap");
		fill(pages);
		result = sys(munmap, pages, PAGES * PAGE);
		if (result < 0)
			fail("munmap: error %d", result);
	}
}

static void grow_and_shrink(void)
{
	u8 *end = (u8 *)sys(brk, 0);
	u8 *grown = end + PAGES * PAGE;
	int round;

	for (round = 0; round < 3; round++) {
		if ((u8 *)sys(brk, grown) != grown)
			fail("brk doesn't grow");
		check_zero(end, "brk");
		fill(end);
		if ((u8 *)sys(brk, end) != end)
			fail("brk doesn't shrink");
	}
}

/* A program that touches what it gave back dies of it. */
static void gone(void)
{
	u8 *page = map_pages(PAGE);
	int child, status;

	page[0] = 1;
	sys(munmap, page, PAGE);
	child = fork();
	if (child == 0)
		exit(*(volatile u8 *)page);
	status = wait_for(child);
	if (status != 128 + SIGSEGV)
		fail("unmapped memory: exit status %d", status);
}

static void unreasonable(void)
{
	int result = sys(mmap2, NULL, 0xf0000000, PROT_READ,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (result != -ENOMEM)
		fail("3.75 GB at once gave %x", result);
}

int main(void)
{
	check_zero(big_bss, "bss");
	fill(big_bss);
	mapped();
	grow_and_shrink();
	gone();
	unreasonable();
	return 0;
}
/*:*/
