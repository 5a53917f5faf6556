/* The block device: every kind of request, and what goes wrong with them. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <sys/stat.h>
#include <linux/virtio_blk.h>
#include "standin.h"

#define SECTORS 100
#define HEADER 0x10000
#define STATUS 0x10100
#define DATA 0x20000

static u8 disk[SECTORS * 512 + 77];
static struct found dev;
static struct queue *q = &dev.vq[0];
static const char *path;

static struct run *with_disk(int flags)
{
	struct run *r;

	for (unsigned int i = 0; i < sizeof(disk); i++)
		disk[i] = i / 512 + i % 7;
	path = write_file("disk.img", disk, sizeof(disk));
	r = boot_with(flags, "--block", path, "--verbose");
	find_device(r, 0, &dev);
	start_device(r, &dev, 0x204);
	return r;
}

static void header(struct run *r, u32 type, u64 sector)
{
	put(r, HEADER, 4, type);
	put(r, HEADER + 4, 4, 0);
	put(r, HEADER + 8, 8, sector);
	put(r, STATUS, 1, 0xaa);
}

/* Does one request with @len bytes of data; returns the status byte. */
static u8 request(struct run *r, u32 type, u64 sector, u32 len, bool in,
		  u32 *used)
{
	u16 before = used_index(q);

	header(r, type, sector);
	if (len)
		chain(q, { HEADER, 16, false }, { DATA, len, in }, { STATUS, 1, true });
	else
		chain(q, { HEADER, 16, false }, { STATUS, 1, true });
	kick(q);
	if (!wait_used(q, before + 1, used))
		return 0xbb;
	return get(r, STATUS, 1);
}

static bool file_is(const u8 *expected)
{
	static u8 now[2 * sizeof(disk)];
	FILE *file = fopen(path, "r");
	size_t len = fread(now, 1, sizeof(now), file);

	fclose(file);
	return len == sizeof(disk) && !memcmp(now, expected, len);
}

static void good(void)
{
	struct run *r = with_disk(0);
	static u8 buf[SECTORS * 512], text[600];
	u32 len;

	same("capacity", get(r, dev.config, 8), SECTORS);
	same("read", request(r, VIRTIO_BLK_T_IN, 3, 1024, true, &len), 0);
	same("its length and the status byte", len, 1025);
	peek(r, DATA, buf, 1024);
	check(!memcmp(buf, disk + 3 * 512, 1024), "what's in the file");
	check(wait_irq(r, 1, 1), "interrupt");
	same("all of it", request(r, VIRTIO_BLK_T_IN, 0, SECTORS * 512, true, &len), 0);
	peek(r, DATA, buf, sizeof(buf));
	check(!memcmp(buf, disk, sizeof(buf)), "all of the file");

	memset(text, 'w', sizeof(text));
	poke(r, DATA, text, 512);
	same("write", request(r, VIRTIO_BLK_T_OUT, SECTORS - 1, 512, false, &len), 0);
	same("one byte in return", len, 1);
	memset(disk + (SECTORS - 1) * 512, 'w', 512);
	check(file_is(disk), "the file has it, and nothing else has changed");

	same("flush", request(r, VIRTIO_BLK_T_FLUSH, 0, 0, false, &len), 0);
	same("get id", request(r, VIRTIO_BLK_T_GET_ID, 0, 20, true, &len), 0);
	same("twenty bytes and one", len, 21);
	peek(r, DATA, buf, 20);
	check(!strcmp((char *)buf, "disk.img"), "which are \"%.20s\"", buf);
	memset(buf, 0xee, 20);
	poke(r, DATA, buf, 20);
	same("get id into four bytes", request(r, VIRTIO_BLK_T_GET_ID, 0, 4, true, &len), 0);
	same("they get four", get(r, DATA, 8), 0xeeeeeeee6b736964);
	same("and the length says so", len, 5);
	check(file_is(disk), "the file is as it was");
	says(r, "verbose", "request type 0, sector 3: status 0\n");
	finish(r);
}

/* Data in many pieces, none of which is a whole sector. */
static void scattered(void)
{
	struct run *r = with_disk(0);
	struct buf bufs[40] = { { HEADER, 16, false } };
	u8 got[1024];
	u32 len;

	for (unsigned int i = 0; i < 32; i++)
		bufs[i + 1] = (struct buf){ DATA + i * 4096, 32, true };
	bufs[33] = (struct buf){ STATUS, 1, true };
	header(r, VIRTIO_BLK_T_IN, 10);
	add_chain(q, bufs, 34);
	kick(q);
	check(wait_used(q, 1, &len), "read into 32 pieces");
	same("status", get(r, STATUS, 1), 0);
	same("length", len, 1025);
	for (unsigned int i = 0; i < 32; i++)
		peek(r, DATA + i * 4096, got + i * 32, 32);
	check(!memcmp(got, disk + 10 * 512, 1024), "the right ones");

	for (unsigned int i = 0; i < 32; i++)
		bufs[i + 1].in = false;
	header(r, VIRTIO_BLK_T_OUT, 20);
	add_chain(q, bufs, 34);
	kick(q);
	check(wait_used(q, 2, &len), "write from them");
	memcpy(disk + 20 * 512, disk + 10 * 512, 1024);
	check(file_is(disk), "the file has it");
	finish(r);
}

static void unsupported(void)
{
	static const u32 types[] = { VIRTIO_BLK_T_SCSI_CMD, 3, 5, 9, 11, 13,
				     0x80000000, 0xffffffff };
	struct run *r = with_disk(0);
	u32 len;

	put(r, DATA, 8, 0x1122334455667788);
	for (unsigned int i = 0; i < ARRAY_SIZE(types); i++) {
		check(request(r, types[i], 0, 512, true, &len) == VIRTIO_BLK_S_UNSUPP,
		      "type %#x is unsupported", types[i]);
		same("only the status is written", len, 1);
	}
	same("the buffer wasn't touched", get(r, DATA, 8), 0x1122334455667788);
	check(file_is(disk), "nor was the file");
	finish(r);
}

static void past_end(void)
{
	static const struct {
		u64 sector;
		u32 len;
	} cases[] = {
		{ SECTORS, 512 },
		{ SECTORS - 1, 1024 },
		{ SECTORS - 1, 513 },
		{ 0, SECTORS * 512 + 1 },
		{ 0x7fffffffffffffff, 512 },
		{ 0xffffffffffffffff, 512 },
		{ 1ull << 55, 512 },
	};
	struct run *r = with_disk(0);
	u32 len;

	put(r, DATA, 8, 0x1122334455667788);
	for (unsigned int i = 0; i < ARRAY_SIZE(cases); i++) {
		check(request(r, VIRTIO_BLK_T_IN, cases[i].sector, cases[i].len,
			      true, &len) == VIRTIO_BLK_S_IOERR,
		      "read of %u bytes at %#llx: I/O error", cases[i].len,
		      (unsigned long long)cases[i].sector);
		same("only the status is written", len, 1);
	}
	same("the buffer wasn't touched", get(r, DATA, 8), 0x1122334455667788);
	same("nothing at the end is nothing",
	     request(r, VIRTIO_BLK_T_IN, SECTORS, 0, true, &len), 0);
	finish(r);

	for (unsigned int i = 0; i < ARRAY_SIZE(cases); i++) {
		char text[128];

		r = with_disk(0);
		header(r, VIRTIO_BLK_T_OUT, cases[i].sector);
		chain(q, { HEADER, 16, false }, { DATA, cases[i].len, false },
		      { STATUS, 1, true });
		kick(q);
		same("a write there is fatal", wait_end(r), 1);
		snprintf(text, sizeof(text), "request queue: write past end: %u bytes to sector %llu, the disk has 100\n",
			 cases[i].len, (unsigned long long)cases[i].sector);
		says(r, "and says why", text);
		check(file_is(disk), "not a byte has changed");
		finish(r);
	}
}

static void bad_frames(void)
{
	static const struct {
		struct buf bufs[3];
		unsigned int num;
		const char *text;
	} cases[] = {
		{ { { STATUS, 1, true } }, 1, "header of 0 bytes, not 16" },
		{ { { HEADER, 15, false }, { STATUS, 1, true } }, 2,
		  "header of 15 bytes, not 16" },
		{ { { HEADER, 17, false }, { STATUS, 1, true } }, 2,
		  "header of 17 bytes, not 16" },
		{ { { HEADER, 16, false } }, 1, "status of 0 bytes, not 1" },
		{ { { HEADER, 16, false }, { DATA, 512, true } }, 2,
		  "status of 512 bytes, not 1" },
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(cases); i++) {
		struct run *r = with_disk(0);

		header(r, VIRTIO_BLK_T_IN, 0);
		add_chain(q, cases[i].bufs, cases[i].num);
		kick(q);
		same("a frame that isn't one", wait_end(r), 1);
		says(r, "is told", cases[i].text);
		finish(r);
	}

	struct run *r = with_disk(0);

	set_desc(q, q->addr, 0, DATA, 32, 4, 0);
	make_available(q, 0);
	kick(q);
	same("indirect, not offered", wait_end(r), 1);
	says(r, "is told", "indirect descriptor, a feature that was not accepted");
	finish(r);
}

static const char *failing;
static long failure;

static long fail(const char *call, u64 fd, u64 offset)
{
	(void)fd;
	(void)offset;
	return failing && !strcmp(call, failing) ? failure : 0;
}

static void failing_disk(void)
{
	struct run *r = with_disk(WATCH_IO);
	u32 len;

	r->inject = fail;
	failing = "preadv";
	failure = -EIO;
	same("a read that fails", request(r, VIRTIO_BLK_T_IN, 5, 512, true, &len),
	     VIRTIO_BLK_S_IOERR);
	same("writes only the status", len, 1);
	says(r, "is told", "I/O error at byte 2560: Input/output error");
	failing = "pwritev";
	failure = -ENOSPC;
	same("a write that fails", request(r, VIRTIO_BLK_T_OUT, 6, 512, false, &len),
	     VIRTIO_BLK_S_IOERR);
	says(r, "is told", "I/O error at byte 3072: No space left on device");
	failing = "fdatasync";
	failure = -EIO;
	same("a flush that fails", request(r, VIRTIO_BLK_T_FLUSH, 0, 0, false, &len),
	     VIRTIO_BLK_S_IOERR);
	says(r, "is told", "cannot flush: Input/output error");
	failing = NULL;
	same("and then it works again", request(r, VIRTIO_BLK_T_IN, 5, 512, true, &len), 0);
	if (truncate(path, 1000))
		printf("# cannot truncate\n");
	same("a file that has become shorter",
	     request(r, VIRTIO_BLK_T_IN, 1, 512, true, &len), VIRTIO_BLK_S_IOERR);
	says(r, "is told", "the file has become shorter");
	finish(r);
}

static long read_a_bit(const char *call, u64 fd, u64 offset)
{
	/* Does the first 100 bytes itself: they're left as they are. */
	(void)fd;
	if (!strcmp(call, "preadv") && offset == 5 * 512)
		return 100;
	return !strcmp(call, "pwritev") && offset == 9 * 512 ? 200 : 0;
}

static void short_transfers(void)
{
	struct run *r = with_disk(WATCH_IO);
	u8 buf[512];
	u32 len;

	r->inject = read_a_bit;
	same("a short read", request(r, VIRTIO_BLK_T_IN, 5, 512, true, &len), 0);
	same("counts in full", len, 513);
	peek(r, DATA, buf, 512);
	check(!memcmp(buf + 100, disk + 5 * 512 + 100, 412), "goes on where it stopped");
	memset(buf, 'z', 512);
	poke(r, DATA, buf, 512);
	same("a short write", request(r, VIRTIO_BLK_T_OUT, 9, 512, false, &len), 0);
	memset(disk + 9 * 512 + 200, 'z', 312);
	check(file_is(disk), "goes on where it stopped");
	finish(r);
}

const struct test tests[] = {
	{ "good requests", good },
	{ "scattered", scattered },
	{ "unsupported", unsupported },
	{ "past the end", past_end },
	{ "bad frames", bad_frames },
	{ "failing disk", failing_disk },
	{ "short transfers", short_transfers },
	{ NULL, NULL },
};
