/*D:826 A pipe between two processes: more bytes than it can hold, so that both
 * sides have to sleep, and an end of file when the last writer has gone. */
#include "user.h"

#define TOTAL 200000
#define ROUNDS 200

static u8 pattern(u32 i)
{
	return i * 7 + (i >> 8);
}

static void make_pipe(int end[2])
{
	int result = sys(pipe, end);

	if (result < 0)
		fail("pipe: error %d", result);
}

static void write_all(int fd, const u8 *data, u32 len)
{
	while (len) {
		int done = sys(write, fd, data, len);

		if (done <= 0)
			fail("write gave %d", done);
		data += done;
		len -= done;
	}
}

static void produce(int fd)
{
	u8 buffer[1000];
	u32 i, at;

	for (at = 0; at < TOTAL; at += sizeof(buffer)) {
		for (i = 0; i < sizeof(buffer); i++)
			buffer[i] = pattern(at + i);
		write_all(fd, buffer, sizeof(buffer));
	}
	exit(0);
}

static u32 consume(int fd)
{
	u8 buffer[777];
	u32 at = 0;
	int i, got;

	while ((got = sys(read, fd, buffer, sizeof(buffer))) > 0)
		for (i = 0; i < got; i++, at++)
			if (buffer[i] != pattern(at))
				fail("byte %u is wrong", at);
	if (got < 0)
		fail("read gave %d", got);
	return at;
}

static void one_way(void)
{
	int end[2], child;
	u32 bytes;

	make_pipe(end);
	child = fork();
	if (child == 0) {
		sys(close, end[0]);
		produce(end[1]);
	}
	sys(close, end[1]);
	bytes = consume(end[0]);
	if (bytes != TOTAL)
		fail("%u bytes arrived", bytes);
	if (wait_for(child) != 0)
		fail("the writer failed");
	sys(close, end[0]);
}

static void answer(int from, int to)
{
	u8 byte;

	while (sys(read, from, &byte, 1) == 1) {
		byte++;
		write_all(to, &byte, 1);
	}
	exit(0);
}

/* Back and forth, one byte each: 400 times the scheduler must choose right. */
static void ping_pong(void)
{
	int there[2], back[2], child, i;
	u8 byte = 0;

	make_pipe(there);
	make_pipe(back);
	child = fork();
	if (child == 0) {
		sys(close, there[1]);
		answer(there[0], back[1]);
	}
	for (i = 0; i < ROUNDS; i++) {
		write_all(there[1], &byte, 1);
		if (sys(read, back[0], &byte, 1) != 1)
			fail("no answer in round %d", i);
	}
	sys(close, there[1]);
	if (byte != ROUNDS % 256 || wait_for(child) != 0)
		fail("%d rounds counted as %d", ROUNDS, byte);
}

int main(void)
{
	one_way();
	ping_pong();
	return 0;
}
/*:*/
