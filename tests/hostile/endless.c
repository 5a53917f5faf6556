/* Guests that work until somebody stops them, for the tests kill and filter. */
#include "guest.h"

#define SECTOR 512u

static struct device disk, rng;
static u8 record[SECTOR] __attribute__((aligned(SECTOR)));
static struct {
	u32 type, ioprio;
	u64 sector;
} header;
static u8 status;
static char line[16];

static void request(u32 type, u64 sector, u32 len)
{
	struct queue *q = &disk.vq[0];

	header.type = type;
	header.sector = sector;
	status = 0xee;
	set_desc(q, 0, (u32)&header, 16, DESC_NEXT, len ? 1 : 2);
	set_desc(q, 1, (u32)record, len,
		 type ? DESC_NEXT : DESC_NEXT | DESC_WRITE, 2);
	set_desc(q, 2, (u32)&status, 1, DESC_WRITE, 0);
	make_available(q, 0);
	kick(q);
	for (u16 seen = q->seen++; q->used->idx == seen;)
		asm volatile("pause");
	demand(status == 0);
}

static void print_number(u32 n)
{
	char *c = line + 8;

	*c-- = '\n';
	for (; c >= line; c--, n >>= 4)
		*c = "0123456789abcdef"[n & 15];
	print(line);
}

/* Writes record after record, and says how many are safe. */
CASE(_log, "", "")
{
	begin();
	find_device(BLOCK, &disk);
	start_device(&disk, disk.features[0]);
	for (u32 n = 1;; n++) {
		for (u32 i = 0; i < SECTOR / 4; i++)
			((u32 *)record)[i] = n;
		request(1, n % 2048, SECTOR);
		if (n % 4)
			continue;
		request(4, 0, 0);
		print_number(n);
	}
}

/* Only reads. */
CASE(_read_log, "", "")
{
	begin();
	find_device(BLOCK, &disk);
	start_device(&disk, disk.features[0]);
	for (;;) {
		request(0, 0, SECTOR);
		print("r");
		sleep_ms(10);
	}
}

/* Has all threads make calls all the time. */
CASE(_busy, "", "")
{
	static u8 random[64];

	begin();
	find_device(RNG, &rng);
	start_device(&rng, 0);
	for (;;) {
		offer(&rng.vq[0], (u32)random, sizeof(random), DESC_WRITE);
		wait_used(&rng.vq[0]);
		print("x");
	}
}
