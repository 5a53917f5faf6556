/* What oracle and subject do alike. */
#include "diff.h"

/* Pages that may be read, written or nothing, in every neighbourhood. */
const struct test_page test_pages[DATA_PAGES] = {
	{ LOW, READ_WRITE }, { LOW + 0x1000, READ_WRITE }, { LOW + 0x2000, HOLE },
	{ DATA, HOLE },
	{ DATA + 0x1000, READ_WRITE }, { DATA + 0x2000, READ_WRITE },
	{ DATA + 0x3000, READ_ONLY }, { DATA + 0x4000, HOLE },
	{ DATA + 0x5000, READ_WRITE }, { DATA + 0x6000, HOLE },
	{ STACK, HOLE }, { STACK + 0x1000, READ_WRITE },
	{ STACK + 0x2000, HOLE },
};

int test_page_at(u32 lin)
{
	int i;

	for (i = 0; i < DATA_PAGES; i++)
		if ((lin & PAGE_MASK) == test_pages[i].lin)
			return i;
	return -1;
}

u32 test_hash_state(const u32 regs[8], u32 eflags)
{
	u32 hash = eflags & TEST_FLAGS;
	int i;

	for (i = 0; i < 8; i++)
		hash = (hash ^ regs[i]) * 0x9e3779b1u;
	return hash;
}

/* Four lanes, so that one multiplication need not wait for the other. */
u64 test_hash_memory(const u8 *data)
{
	const u64 *words = (const u64 *)data;
	u64 lane[4] = { 1, 2, 3, 4 };
	int i, j;

	for (i = 0; i < DATA_PAGES * 512; i += 4)
		for (j = 0; j < 4; j++)
			lane[j] = (lane[j] ^ words[i + j]) * 0x9e3779b97f4a7c15u;
	return lane[0] ^ lane[1] >> 7 ^ lane[2] >> 13 ^ lane[3] >> 19;
}

/* Traps that are reported after the instruction can be followed by the next. */
static bool trap_like(u32 vector)
{
	return vector == X86_DB || vector == X86_BP || vector == X86_OF;
}

/* Not every user may map the first 64k. */
static bool fixable(const struct test_case *test, const struct test_event *event)
{
	return test->fix && event->vector == X86_PF &&
	       !(event->error & X86_FETCH) && event->address >= 0x10000 &&
	       test_page_at(event->address) >= 0;
}

bool test_note(const struct test_case *test, struct test_result *result,
	       const struct test_event *event)
{
	result->events[result->nevents++] = *event;
	return result->nevents < test->max_events &&
	       (trap_like(event->vector) || fixable(test, event));
}
