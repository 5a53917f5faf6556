/* Disks, network cards, consoles and sources of randomness, used as nobody
 * should. */
#include "guest.h"

#define DISK(text) "1 lguest: device 0 (block *): request queue: " text
#define SECTOR 512u
#define DISK_SECTORS 2048u

static struct device dev;
static struct queue *const q = &dev.vq[0];
static u8 buffer[16 * PAGE] __attribute__((aligned(PAGE)));
#define BUFFER ((u32)buffer)

static struct {
	u32 type, ioprio;
	u64 sector;
	u8 more[16];
} header;
static u8 status = 0xee;
enum { IN, OUT, SCSI, FLUSH = 4, GET_ID = 8 };
enum { OK, IOERR, UNSUPP };

static void start(u8 type)
{
	find_device(type, &dev);
	start_device(&dev, 0xf & dev.features[0]);
}

/* A request as it should be, in three descriptors from 0. */
static void request(u32 type, u64 sector, u32 addr, u32 len)
{
	if (!dev.type)
		start(BLOCK);
	header.type = type;
	header.sector = sector;
	status = 0xee;
	set_desc(q, 0, (u32)&header, 16, DESC_NEXT, 1);
	set_desc(q, 1, addr, len,
		 type == OUT ? DESC_NEXT : DESC_NEXT | DESC_WRITE, 2);
	set_desc(q, 2, (u32)&status, 1, DESC_WRITE, 0);
}

static u32 answer(void)
{
	make_available(q, 0);
	kick(q);
	wait_used(q);
	return status;
}

static void untouched(void)
{
	for (u32 i = 0; i < sizeof(buffer); i++)
		demand(!buffer[i]);
}

CASE(block_works, "--block=DISK", HARMLESS)
{
	request(IN, DISK_SECTORS - 1, BUFFER, SECTOR);
	demand(answer() == OK);
	demand(buffer[0] && buffer[SECTOR - 1] && !buffer[SECTOR]);
}

/* The same bytes again, so that the disk stays as it is. */
CASE(block_last_sector, "--block=DISK", HARMLESS)
{
	request(IN, DISK_SECTORS - 1, BUFFER, SECTOR);
	demand(answer() == OK);
	request(OUT, DISK_SECTORS - 1, BUFFER, SECTOR);
	demand(answer() == OK);
	request(FLUSH, 0, BUFFER, 0);
	demand(answer() == OK);
}

static void read_past(u64 sector, u32 len)
{
	request(IN, sector, BUFFER, len);
	demand(answer() == IOERR);
	untouched();
}

CASE(block_read_past_end, "--block=DISK", HARMLESS)
{
	read_past(DISK_SECTORS, SECTOR);
	read_past(DISK_SECTORS - 1, 2 * SECTOR);
	read_past(DISK_SECTORS - 1, SECTOR + 1);
	read_past(DISK_SECTORS + 1, 1);
	read_past(1ull << 55, SECTOR);
	read_past((1ull << 55) - 1, SECTOR);
	read_past(~0ull, SECTOR);
	read_past(~0ull, 2 * SECTOR);
	read_past(1ull << 63, SECTOR);
}

CASE(block_read_nothing, "--block=DISK", HARMLESS)
{
	request(IN, DISK_SECTORS, BUFFER, 0);
	demand(answer() == OK);
	request(IN, ~0ull, BUFFER, 0);
	demand(answer() == IOERR);
}

CASE(_write_past_end, "--block=DISK", "")
{
	begin();
	request(OUT, (u64)argument(0) << 32 | argument(1), BUFFER, argument(2));
	answer();
	fail("still alive");
}

CASE(block_odd_lengths, "--block=DISK", HARMLESS)
{
	static const u32 lengths[] = { 1, 511, 513, 1023, 4095 };

	for (u32 i = 0; i < ARRAY_SIZE(lengths); i++) {
		request(IN, 1, BUFFER, lengths[i]);
		demand(answer() == OK && !buffer[lengths[i]]);
		request(OUT, 1, BUFFER, lengths[i]);
		demand(answer() == OK);
	}
}

CASE(block_header_split, "--block=DISK", DISK("chain 0: header of 8 bytes, not 16"))
{
	request(IN, 0, BUFFER, SECTOR);
	set_desc(q, 0, (u32)&header, 8, DESC_NEXT, 3);
	set_desc(q, 3, (u32)&header + 8, 8, DESC_NEXT, 1);
	answer();
}

CASE(block_header_short, "--block=DISK", DISK("chain 0: header of 15 bytes, not 16"))
{
	request(IN, 0, BUFFER, SECTOR);
	q->desc[0].len = 15;
	answer();
}

CASE(block_header_long, "--block=DISK", DISK("chain 0: header of 17 bytes, not 16"))
{
	request(IN, 0, BUFFER, SECTOR);
	q->desc[0].len = 17;
	answer();
}

CASE(block_header_writable, "--block=DISK", DISK("chain 0: header of 0 bytes, not 16"))
{
	request(IN, 0, BUFFER, SECTOR);
	q->desc[0].flags |= DESC_WRITE;
	answer();
}

CASE(block_no_status, "--block=DISK", DISK("chain 0: status of 512 bytes, not 1"))
{
	request(IN, 0, BUFFER, SECTOR);
	q->desc[1].flags = DESC_WRITE;
	answer();
}

CASE(block_write_no_status, "--block=DISK", DISK("chain 0: status of 0 bytes, not 1"))
{
	request(OUT, 0, BUFFER, SECTOR);
	q->desc[1].flags = 0;
	answer();
}

CASE(block_status_only, "--block=DISK", DISK("chain 2: header of 0 bytes, not 16"))
{
	request(IN, 0, BUFFER, SECTOR);
	make_available(q, 2);
	kick(q);
	wait_for_death();
}

CASE(block_header_only, "--block=DISK", DISK("chain 0: status of 0 bytes, not 1"))
{
	request(IN, 0, BUFFER, SECTOR);
	q->desc[0].flags = 0;
	answer();
}

CASE(block_header_anywhere, "--block=DISK", HARMLESS)
{
	static u8 odd[64];

	request(IN, 1, BUFFER, SECTOR);
	memcpy(odd + 3, &header, 16);
	q->desc[0].addr = (u32)odd + 3;
	demand(answer() == OK && buffer[0]);
}

CASE(block_unknown_types, "--block=DISK", HARMLESS)
{
	static const u32 types[] = { SCSI, 3, 5, 6, 7, 9, 10, 11, 13, 0x7fffffff,
				     0x80000000, 0x80000001, 0xffffffff };

	for (u32 i = 0; i < ARRAY_SIZE(types); i++) {
		request(types[i], 0, BUFFER, SECTOR);
		demand(answer() == UNSUPP);
		untouched();
	}
}

CASE(block_identity, "--block=DISK", HARMLESS)
{
	request(GET_ID, ~0ull, BUFFER, 20);
	demand(answer() == OK && buffer[0] == 'd' && !buffer[20]);
	fill(buffer, 0, 64);
	request(GET_ID, 0, BUFFER, 3);
	demand(answer() == OK && buffer[0] == 'd' && !buffer[3]);
	fill(buffer, 0, 64);
	request(GET_ID, 0, BUFFER, PAGE);
	demand(answer() == OK && buffer[0] == 'd' && !buffer[20]);
}

/* A read into the header, into the status, into the ring. */
CASE(block_read_over_itself, "--block=DISK", "? *")
{
	request(IN, 0, (u32)&header, 16);
	demand(answer() == OK);
	request(IN, 0, (u32)&status, 1);
	demand(answer() == OK);
	request(IN, 0, q->addr, 3 * PAGE);
	make_available(q, 0);
	kick(q);
	sleep_ms(50);
}

/* Data to be read that the device should write, and the other way round: there's
 * nothing to be done. */
CASE(block_wrong_way, "--block=DISK", HARMLESS)
{
	request(IN, 0, BUFFER, SECTOR);
	q->desc[1].flags = DESC_NEXT;
	demand(answer() == OK);
	request(OUT, 0, BUFFER, SECTOR);
	q->desc[1].flags = DESC_NEXT | DESC_WRITE;
	demand(answer() == OK);
	untouched();
}

/* A second of changing one's mind about what is to be read, and where. */
CASE(race_header, "--block=DISK", HARMLESS)
{
	static const u32 types[] = { IN, GET_ID, SCSI, IN };

	request(IN, 0, BUFFER, SECTOR);
	for (u32 i = 0; i < 3000000; i++) {
		bool good = random32() & 15;

		header.sector = good ? DISK_SECTORS - 1 : 1ull << 55;
		header.type = types[random32() & 3];
		q->desc[1].len = good ? SECTOR : 2 * SECTOR;
		if (q->used->idx != q->avail->idx)
			continue;
		make_available(q, 0);
		if (!q->used->flags)
			kick(q);
	}
}

CASE(block_254_segments, "--block=DISK", HARMLESS)
{
	request(IN, 0, BUFFER, 1);
	for (u32 i = 1; i < 255; i++)
		set_desc(q, i, BUFFER + i, 1, DESC_WRITE | DESC_NEXT, i + 1);
	set_desc(q, 255, (u32)&status, 1, DESC_WRITE, 0);
	demand(answer() == OK);
}

CASE(block_file_truncated, "--block=DISK", "0 lguest: device 0 (block *): I/O error at byte 524288: the file has become shorter")
{
	ask_runner("<truncate>");
	request(IN, 1023, BUFFER, SECTOR);
	demand(answer() == OK);
	request(IN, 1023, BUFFER, 2 * SECTOR);
	demand(answer() == IOERR);
}

/* The file system has room for half of the disk, and there are more disks. */
CASE(block_no_space, "--block=FULL", "0 lguest: device 0 (block *): I/O error at byte *: No space left on device*")
{
	u32 full = 0;

	for (u32 i = 0; i < DISK_SECTORS; i += 128) {
		request(OUT, i, BUFFER, sizeof(buffer));
		if (answer() == IOERR)
			full++;
	}
	demand(full >= 4);
	request(IN, 0, BUFFER, SECTOR);
	demand(answer() == OK);
	request(FLUSH, 0, BUFFER, 0);
	demand(answer() == OK);
}

CASE(block_too_big_for_limit, "--block=LIMITED", "0 lguest: device 0 (block *): I/O error at byte *: File too large*")
{
	request(OUT, DISK_SECTORS - 1, BUFFER, SECTOR);
	demand(answer() == IOERR);
	request(IN, 0, BUFFER, SECTOR);
	demand(answer() == OK);
}

CASE(block_read_only, "--block=READ_ONLY_DISK", "0 lguest: --block=*: may not be written to, so it's a read-only disk*lguest: device 0 (block *): the Guest writes, but it's read-only")
{
	enum { RO = 1 << 5 };

	request(IN, DISK_SECTORS - 1, BUFFER, SECTOR);
	demand(dev.features[0] & RO);
	demand(answer() == OK && buffer[0]);
	fill(buffer, 0, SECTOR);
	request(OUT, 0, BUFFER, SECTOR);
	demand(answer() == IOERR);
	request(FLUSH, 0, BUFFER, 0);
	demand(answer() == OK);
	request(IN, 0, BUFFER, SECTOR);
	demand(answer() == OK && buffer[0]);
}

/* The file systems of faulty.c and its parts. */
#define GOOD 0u
#define SHORT 256u
#define INTERRUPTED 512u
#define BROKEN 1024u

static void writes_and_reads(u32 sector)
{
	static u8 pattern[sizeof(buffer)];

	for (u32 i = 0; i < sizeof(buffer); i++)
		buffer[i] = pattern[i] = random32();
	request(OUT, sector, BUFFER, sizeof(buffer));
	demand(answer() == OK);
	fill(buffer, 0, sizeof(buffer));
	request(IN, sector, BUFFER, sizeof(buffer));
	demand(answer() == OK);
	for (u32 i = 0; i < sizeof(buffer); i++)
		demand(buffer[i] == pattern[i]);
}

CASE(block_short, "--block=FAULTY", HARMLESS)
{
	writes_and_reads(SHORT);
}

CASE(block_interrupted, "--block=FAULTY", HARMLESS)
{
	writes_and_reads(INTERRUPTED);
}

CASE(block_broken, "--block=FAULTY", "0 lguest: device 0 (block *): I/O error at byte 524288: Input/output error\n"
     "lguest: device 0 (block *): I/O error at byte 524288: Input/output error\n"
     "lguest: device 0 (block *): cannot flush: Input/output error")
{
	request(IN, BROKEN - 1, BUFFER, 2 * SECTOR);
	demand(answer() == IOERR);
	request(OUT, BROKEN, BUFFER, SECTOR);
	demand(answer() == IOERR);
	request(FLUSH, 0, BUFFER, 0);
	demand(answer() == IOERR);
	request(FLUSH, 0, BUFFER, 0);
	demand(answer() == OK);
	writes_and_reads(GOOD);
}

/* ---- Network ---- */

#define NET_CARD "--tunnet=10.77.0.1"
static struct queue *const send = &dev.vq[1];

static void start_net(u32 features)
{
	find_device(NET, &dev);
	start_device(&dev, features);
}

static void send_packet(u32 len)
{
	offer(send, BUFFER, len, 0);
	wait_used(send);
}

CASE(net_short_headers, NET_CARD, "0 lguest: device 0 (net *): packet of 1 bytes lost: Invalid argument*")
{
	start_net(0);
	for (u32 len = 1; len < 30; len++)
		send_packet(len);
}

CASE(net_header_split, NET_CARD, HARMLESS)
{
	start_net(0);
	set_desc(send, 0, BUFFER, 3, DESC_NEXT, 1);
	set_desc(send, 1, BUFFER + 3, 8, DESC_NEXT, 2);
	set_desc(send, 2, BUFFER + 11, 100, 0, 0);
	make_available(send, 0);
	kick(send);
	wait_used(send);
}

/* Flags, type of GSO, header length, segment size, start and offset of the
 * checksum: at random, over random packets. */
CASE(net_bad_offload, NET_CARD, "0 *")
{
	start_net(0);
	for (u32 i = 0; i < 300; i++) {
		for (u32 j = 0; j < 64; j++)
			buffer[j] = random32();
		if (i & 1)
			buffer[0] = i & 3;
		if (i & 2)
			buffer[1] = i & 5;
		send_packet(20 + random32() % 2000);
	}
}

CASE(net_oversized, NET_CARD, "0 *")
{
	start_net(0);
	offer(send, 0, memory_end(), 0);
	wait_used(send);
	for (u32 i = 0; i < 256; i++)
		set_desc(send, i, 0, memory_end(), i < 255 ? DESC_NEXT : 0,
			 i + 1);
	make_available(send, 0);
	kick(send);
	wait_used(send);
}

CASE(net_receives_in_one_byte, NET_CARD, "? *")
{
	start_net(0);
	offer(&dev.vq[0], BUFFER, 1, DESC_WRITE);
	ask_runner("<ping>");
	sleep_ms(200);
}

CASE(net_wrong_way, NET_CARD, "1 lguest: device 0 (net *): send queue: chain 0 has 1 writable buffers, only readable ones belong here")
{
	start_net(0);
	offer(send, BUFFER, 100, DESC_WRITE);
	wait_for_death();
}

CASE(net_tap_down, NET_CARD, "0 lguest: device 0 (net *): packet of 100 bytes lost: Input/output error")
{
	start_net(0);
	ask_runner("<down>");
	send_packet(100);
}

CASE(net_tap_deleted, NET_CARD, "? lguest: device 0 (net *): *: *")
{
	start_net(0);
	offer(&dev.vq[0], BUFFER, PAGE, DESC_WRITE);
	ask_runner("<delete>");
	send_packet(100);
	sleep_ms(100);
}

/* ---- Console and randomness ---- */

CASE(console_empty_output, "", HARMLESS)
{
	start(CONSOLE);
	for (u32 i = 0; i < 300; i++) {
		offer(&dev.vq[1], BUFFER, 0, 0);
		wait_used(&dev.vq[1]);
	}
}

CASE(console_empty_input, "", "1 lguest: device 0 (console): input queue: chain 0 has 0 readable and 0 writable buffers, *")
{
	start(CONSOLE);
	offer(q, BUFFER, 0, DESC_WRITE);
	wait_for_death();
}

CASE(console_wrong_way, "", "1 lguest: device 0 (console): output queue: chain 0 has 1 writable buffers, only readable ones belong here")
{
	start(CONSOLE);
	offer(&dev.vq[1], BUFFER, 16, DESC_WRITE);
	wait_for_death();
}

CASE(console_input_wrong_way, "", "1 lguest: device 0 (console): input queue: chain 0 has 1 readable and 0 writable buffers, only writable ones belong here")
{
	start(CONSOLE);
	offer(q, BUFFER, 16, 0);
	wait_for_death();
}

CASE(console_all_of_memory, "", HARMLESS)
{
	start(CONSOLE);
	offer(&dev.vq[1], 0, limit(), 0);
	wait_used(&dev.vq[1]);
}

CASE(console_memory_over_and_over, "", HARMLESS)
{
	start(CONSOLE);
	for (u32 i = 0; i < 16; i++)
		set_desc(&dev.vq[1], i, 0, limit(), i < 15 ? DESC_NEXT : 0,
			 i + 1);
	make_available(&dev.vq[1], 0);
	kick(&dev.vq[1]);
	wait_used(&dev.vq[1]);
}

CASE(console_loops, "", "1 lguest: device 0 (console): output queue: chain 0 is looped: *")
{
	start(CONSOLE);
	offer(&dev.vq[1], 0, limit(), DESC_NEXT);
	wait_for_death();
}

CASE(console_input_loops, "", "1 lguest: device 0 (console): input queue: chain 0 is looped: *")
{
	start(CONSOLE);
	offer(q, 0, limit(), DESC_NEXT | DESC_WRITE);
	wait_for_death();
}

CASE(console_end_of_input, "</dev/null", "0 lguest: console: end of input, the Guest runs on without")
{
	start(CONSOLE);
	offer(q, BUFFER, 16, DESC_WRITE);
	sleep_ms(50);
	kick(q);
	sleep_ms(50);
}

CASE(console_closed_stdout, ">&-", "1 lguest: cannot write the Guest's console output to stdout: *")
{
	start(CONSOLE);
	offer(&dev.vq[1], BUFFER, 1, 0);
	wait_for_death();
}

/* What would be the console's is not the disk's. */
CASE(console_no_stdout, "--block=DISK >&-", "1 lguest: cannot write the Guest's console output to stdout: Bad file descriptor")
{
	start(CONSOLE);
	offer(&dev.vq[1], BUFFER, 1, 0);
	wait_for_death();
}

CASE(console_no_stdin, "--block=DISK <&-", "0 lguest: console: end of input: Bad file descriptor, the Guest runs on without")
{
	start(CONSOLE);
	offer(q, BUFFER, 16, DESC_WRITE);
	sleep_ms(50);
	untouched();
}

CASE(console_broken_pipe, ">BROKEN", "1 lguest: cannot write the Guest's console output to stdout: Broken pipe")
{
	start(CONSOLE);
	offer(&dev.vq[1], BUFFER, 1, 0);
	wait_for_death();
}

CASE(console_full, ">/dev/full", "1 lguest: cannot write the Guest's console output to stdout: No space left on device")
{
	start(CONSOLE);
	offer(&dev.vq[1], BUFFER, 1, 0);
	wait_for_death();
}

/* The reader takes its time, and has made the pipe non-blocking. */
CASE(console_slow_reader, ">SLOW", HARMLESS)
{
	start(CONSOLE);
	for (u32 i = 0; i < 8; i++) {
		offer(&dev.vq[1], BUFFER, sizeof(buffer), 0);
		wait_used(&dev.vq[1]);
	}
}

CASE(console_early_at_the_end, "", HARMLESS)
{
	fill((void *)(limit() - PAGE), 'x', PAGE);
	print((char *)limit() - 1);
	print((char *)limit() - PAGE + 1);
}

CASE(console_early_outside, "", "1 lguest: Guest notifies address 0x*, its memory ends at 0x*")
{
	print((char *)limit());
	wait_for_death();
}

CASE(rng_all_of_memory, "--rng", "? *")
{
	start(RNG);
	offer(q, 0x800000, memory_end() - 0x800000, DESC_WRITE);
	wait_used(q);
}

/* 2 GB are asked for; one request is good for less. */
CASE(rng_nothing, "--rng", "1 lguest: device 0 (rng): input queue: chain 0 has 0 readable and 0 writable buffers, *")
{
	start(RNG);
	offer(q, BUFFER, 0, DESC_WRITE);
	wait_for_death();
}

CASE(rng_loops, "--rng", "1 lguest: device 0 (rng): input queue: chain 0 is looped: *")
{
	start(RNG);
	offer(q, BUFFER, 1, DESC_NEXT | DESC_WRITE);
	wait_for_death();
}

CASE(rng_more_than_there_is, "--rng", HARMLESS)
{
	u32 len;

	start(RNG);
	for (u32 i = 0; i < 256; i++)
		set_desc(q, i, 0x800000, 0x800000,
			 i < 255 ? DESC_NEXT | DESC_WRITE : DESC_WRITE, i + 1);
	make_available(q, 0);
	kick(q);
	len = wait_used(q);
	demand(len && len <= 0x100000);
}

CASE(block_nothing, "--block=DISK", HARMLESS)
{
	find_device(BLOCK, &dev);
}
