/* The processor against the machine: what both sides of the test agree on.
 *
 * A case is a few instructions with all the state they start from.  The oracle
 * (oracle.c) runs it on this very CPU in compatibility mode, the subject
 * (machine.c) with x86_run(), and the driver (diff.c) wants the same registers,
 * flags, FPU, memory and faults from both.  Addresses below 4 GiB are the
 * same for both, too: */
#ifndef TESTS_X86_DIFF_H
#define TESTS_X86_DIFF_H

#include "x86/x86.h"

#define CODE 0x10000000u
#define CODE_AGAIN 0x18000000u	/* the same pages once more */
#define CODE_PAGES 256
#define SLOT 500		/* bytes of code for each case: pages crossed */
#define MAX_BATCH 2048
#define LOW 0x8000u		/* for 16-bit addresses */
#define DATA 0x20000000u
#define STACK 0x30000000u
#define DATA_PAGES 13
/* What fs: and gs: start from; gs: in the middle, for negative offsets. */
#define FS_BASE (DATA + 0x1100)
#define GS_BASE (DATA + 0x2f00)

/* The memory of one side, and where in the memory of both it lies. */
#define SIDE_PAGES (CODE_PAGES + DATA_PAGES)
enum { ORACLE, SUBJECT, SIDES };
#define MEMORY_PAGES (SIDES * SIDE_PAGES)
#define CODE_PAGE(side) ((side) * SIDE_PAGES)
#define DATA_PAGE(side) ((side) * SIDE_PAGES + CODE_PAGES)

enum { HOLE, READ_ONLY, READ_WRITE };

/* A page of data, and what may be done with it at a case's beginning. */
struct test_page {
	u32 lin;
	u8 rights;
};
extern const struct test_page test_pages[DATA_PAGES];

/* The number of the data page at @lin, or -1. */
int test_page_at(u32 lin);

#define USER_CS 0x23
#define USER_DS 0x2b

#define FPU_IMAGES 16
#define FPU_BYTES 288		/* of an fxsave image, in 32-bit mode */
#define MAX_EVENTS 12

struct test_case {
	u32 regs[8];
	u32 eflags;
	u32 eip;
	u32 end;		/* where the ud2 stands that ends it */
	u8 fpu;			/* number of the FPU image to start with */
	u8 fix;			/* make missing pages accessible and go on */
	u8 max_events;		/* stop there */
};

/* A trap on the way. */
struct test_event {
	u32 vector, error, address, eip;
	u32 hash;		/* of registers and flags at that moment */
};

struct test_state {
	u32 regs[8];
	u32 eflags;
	u32 eip;
	u16 ds, es, ss, fs, gs;
	u8 fpu[FPU_BYTES] __attribute__((aligned(16)));
};

struct test_result {
	u32 nevents;
	u32 hung;
	struct test_event events[MAX_EVENTS];
	struct test_state state;
	u64 memory;		/* hash of all data pages */
};

struct test_shared {
	u32 no_low;		/* we may not map the first 64k */
	u32 progress;		/* the case the oracle is at */
	u16 fs, gs;		/* selectors of the two bases */
	u8 fpu[FPU_IMAGES][512] __attribute__((aligned(16)));
	u8 template[DATA_PAGES * PAGE_SIZE];
	struct test_case cases[MAX_BATCH];
	struct test_result results[MAX_BATCH];
};

/* Flags that are compared: not IF and RF, which aren't the program's. */
#define TEST_FLAGS 0x247dd5u

u32 test_hash_state(const u32 regs[8], u32 eflags);
u64 test_hash_memory(const u8 *data);
/* Notes a trap.  Returns whether the case goes on after it. */
bool test_note(const struct test_case *test, struct test_result *result,
	       const struct test_event *event);

/* oracle.c: forks it.  Returns its process id. */
int oracle_start(struct test_shared *shared, int memory_fd);
/* Runs the first @count cases.  false: it died. */
bool oracle_run(u32 count);

/* How the subject runs a case, which makes no difference to the result. */
#define RUN_USER 1u	/* in ring 3 */
#define RUN_NM 2u	/* TS is set at the beginning */
#define RUN_KICKED 4u	/* somebody goes on interrupting */
#define RUN_SUPERVISOR 8u	/* pages that are missing are the kernel's */
#define RUN_RESTLESS 16u	/* its code has changed too often */

/* machine.c */
void subject_start(const struct test_shared *shared, u8 *memory);
void subject_fresh(u32 how);	/* the code has changed */
void subject_run(const struct test_case *test, struct test_result *result,
		 u32 how);
bool subject_used_fpu(void);	/* in the last case, with RUN_NM */
void subject_check(void);	/* dies of code that isn't harmless */
void subject_kick(void);	/* an interrupt */
void subject_give_up(void);	/* this case doesn't end */

#endif /* TESTS_X86_DIFF_H */
