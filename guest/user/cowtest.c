/*D:824 Copy on write: after a fork the two processes share every page until one
 * of them writes.  Neither may ever see what the other wrote. */
#include "user.h"

#define PAGES 64
#define WORDS (4096 / sizeof(u32))

static u32 in_bss[WORDS];
static u32 in_data[WORDS] = { 1234 };

static void stamp(u32 *page, u32 value)
{
	page[0] = value;
	page[WORDS - 1] = ~value;
}

static bool has_stamp(const u32 *page, u32 value)
{
	return page[0] == value && page[WORDS - 1] == ~value;
}

static void check_all(u32 *pages, u32 value, const char *who)
{
	int i;

	for (i = 0; i < PAGES; i++)
		if (!has_stamp(pages + i * WORDS, value + i))
			fail("%s sees %x in page %d", who,
			     pages[i * WORDS], i);
}

static void stamp_all(u32 *pages, u32 value)
{
	int i;

	for (i = 0; i < PAGES; i++)
		stamp(pages + i * WORDS, value + i);
}

static void child_writes(u32 *pages)
{
	check_all(pages, 0x1000, "the child");
	stamp_all(pages, 0x2000);
	in_bss[7] = 7;
	in_data[0] = 4321;
	check_all(pages, 0x2000, "the child, later,");
	exit(0);
}

/* Let the grandchild write while two others hold the same pages. */
static void three_share(u32 *pages)
{
	int child = fork(), grandchild;

	if (child) {
		if (wait_for(child) != 0)
			fail("three can't share");
		return;
	}
	grandchild = fork();
	stamp_all(pages, grandchild ? 0x4000 : 0x5000);
	if (grandchild && wait_for(grandchild) != 0)
		exit(1);
	check_all(pages, grandchild ? 0x4000 : 0x5000, "one of three");
	exit(0);
}

int main(void)
{
	u32 *pages = map_pages(PAGES * 4096);
	int child;

	stamp_all(pages, 0x1000);
	child = fork();
	if (child == 0)
		child_writes(pages);
	if (wait_for(child) != 0)
		fail("the child failed");
	check_all(pages, 0x1000, "the parent");
	if (in_bss[7] != 0 || in_data[0] != 1234)
		fail("the child's variables reached the parent");
	three_share(pages);
	check_all(pages, 0x1000, "the parent, at last,");
	return 0;
}
/*:*/
