/* Guests that work until somebody stops them, for the tests kill, filter and ends,
 * and for soak.sh. */
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

static void put_number(char *at, u32 n)
{
	at[8] = '\n';
	for (char *c = at + 7; c >= at; c--, n >>= 4)
		*c = "0123456789abcdef"[n & 15];
}

static void print_number(u32 n)
{
	put_number(line, n);
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

static void say(struct device *console, const char *text)
{
	u32 len = 0;

	while (text[len])
		len++;
	offer(&console->vq[1], (u32)text, len, 0);
	wait_used(&console->vq[1]);
}

/* Has all devices at work, a network card with them if it's told 1; says "@" and
 * what time it is, and "=" and what was typed. */
CASE(_everything, "", "")
{
	static struct device console, net;
	static u8 typed, random[64], packet[100];
	static char answer[] = "= \n";

	begin();
	find_device(BLOCK, &disk);
	find_device(RNG, &rng);
	find_device(CONSOLE, &console);
	start_device(&disk, disk.features[0]);
	start_device(&rng, 0);
	start_device(&console, 0);
	if (argument(0)) {
		find_device(NET, &net);
		start_device(&net, 0);
	}
	line[0] = '@';
	offer(&console.vq[0], (u32)&typed, 1, DESC_WRITE);
	for (;; sleep_ms(2)) {
		request(1, 0, SECTOR);
		offer(&rng.vq[0], (u32)random, sizeof(random), DESC_WRITE);
		wait_used(&rng.vq[0]);
		if (net.type) {
			offer(&net.vq[1], (u32)packet, sizeof(packet), 0);
			wait_used(&net.vq[1]);
		}
		put_number(line + 1, lguest_data.sec);
		say(&console, line);
		if (console.vq[0].used->idx == console.vq[0].seen)
			continue;
		answer[1] = typed;
		say(&console, answer);
		wait_used(&console.vq[0]);
		offer(&console.vq[0], (u32)&typed, 1, DESC_WRITE);
	}
}

/* Starts its devices, says so, and reboots. */
CASE(_reboot, "", "")
{
	enum { RESTART = 2 };

	begin();
	find_device(BLOCK, &disk);
	find_device(RNG, &rng);
	start_device(&disk, disk.features[0]);
	start_device(&rng, 0);
	print("reboot\n");
	hcall(SHUTDOWN, (u32)"", RESTART, 0, 0);
}
