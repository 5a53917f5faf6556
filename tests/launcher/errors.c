/* All devices' system calls fail, all at once, and all differently: no thread
 * may see another's error.  The threads share memory, errno included, so a
 * Launcher that used it would report the wrong one, or take success for failure,
 * sooner or later: here it's sooner. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <linux/virtio_blk.h>
#include "standin.h"

#define DISKS 3
#define ROUNDS 400

static const long disk_errors[DISKS] = { -EIO, -ENOSPC, -EROFS };
static u64 disk_fd[DISKS];

/* Each disk its own error, every other time; the console is interrupted and
 * told to wait, again and again; randomness is interrupted. */
static long fail(const char *call, u64 fd, u64 offset)
{
	static unsigned int calls;

	(void)offset;
	calls++;
	if (!strcmp(call, "preadv") || !strcmp(call, "pwritev"))
		for (unsigned int i = 0; i < DISKS; i++)
			if (disk_fd[i] == fd)
				return calls % 3 ? disk_errors[i] : -EINTR;
	if (!strcmp(call, "writev") && fd == 1)
		return calls % 4 == 0 ? -EAGAIN : calls % 4 == 1 ? -EINTR : 0;
	if (!strcmp(call, "readv") && fd > 2)
		return calls % 2 ? -EINTR : 0;
	return 0;
}

static void find_fds(struct run *r, const char *const disks[])
{
	char link[64], target[256];

	for (unsigned int i = 0; i < DISKS; i++)
		for (unsigned int fd = 3; fd < 32; fd++) {
			ssize_t len;

			snprintf(link, sizeof(link), "/proc/%d/fd/%u", r->init_pid, fd);
			len = readlink(link, target, sizeof(target) - 1);
			if (len < 0)
				continue;
			target[len] = '\0';
			if (!strcmp(target, disks[i]))
				disk_fd[i] = fd;
		}
}

static unsigned int lines_with(const char *text, const char *a, const char *b)
{
	char *copy = strdup(text), *save = NULL, *line;
	unsigned int num = 0;

	for (line = strtok_r(copy, "\n", &save); line;
	     line = strtok_r(NULL, "\n", &save))
		num += strstr(line, a) && strstr(line, b);
	free(copy);
	return num;
}

static void post_request(struct run *r, struct queue *q, unsigned int i, u32 type)
{
	u64 at = 0x200000 + i * 0x10000;

	put(r, at, 4, type);
	put(r, at + 8, 8, 1);
	put(r, at + 0x100, 1, 0xaa);
	chain(q, { at, 16, false },
	      { at + 0x1000, 512, type == VIRTIO_BLK_T_IN },
	      { at + 0x100, 1, true });
	kick(q);
}

static void everything_fails(void)
{
	static char zeroes[2048];
	const char *disks[DISKS];
	struct found disk[DISKS], rng, console;
	unsigned int wrong_status = 0, stuck = 0;
	struct run *r;
	char name[64];

	for (unsigned int i = 0; i < DISKS; i++) {
		snprintf(name, sizeof(name), "disk%u", i);
		disks[i] = write_file(name, zeroes, sizeof(zeroes));
	}
	r = boot_with(WATCH_IO, "--block", disks[0], "--block", disks[1],
		      "--block", disks[2], "--rng");
	for (unsigned int i = 0; i < DISKS; i++) {
		find_device(r, i, &disk[i]);
		start_device(r, &disk[i], 0x204);
	}
	find_device(r, DISKS, &rng);
	start_device(r, &rng, 0);
	find_device(r, DISKS + 1, &console);
	start_device(r, &console, 0);
	find_fds(r, disks);
	r->inject = fail;

	for (u16 round = 1; round <= ROUNDS && !stuck && !r->gone; round++) {
		for (unsigned int i = 0; i < DISKS; i++)
			post_request(r, &disk[i].vq[0], i,
				     round % 2 ? VIRTIO_BLK_T_IN : VIRTIO_BLK_T_OUT);
		chain(&rng.vq[0], { 0x300000, 64, true });
		kick(&rng.vq[0]);
		poke(r, 0x310000, "x", 1);
		chain(&console.vq[1], { 0x310000, 1, false });
		kick(&console.vq[1]);
		for (unsigned int i = 0; i < DISKS; i++) {
			stuck += !wait_used(&disk[i].vq[0], round, NULL);
			wrong_status += get(r, 0x200100 + i * 0x10000, 1) !=
					VIRTIO_BLK_S_IOERR;
		}
		stuck += !wait_used(&rng.vq[0], round, NULL);
		stuck += !wait_used(&console.vq[1], round, NULL);
		/* The run loop has errors of its own. */
		if (round % 10 == 0 && wait_read(r))
			give_error(r, EINTR);
	}
	same("every request ends", stuck, 0);
	same("with an I/O error", wrong_status, 0);
	check(!r->gone, "and nobody dies of it");
	die(r, "CRASH: Power down");
	same("the run loop saw none of it", wait_end(r), 0);
	same("the console lost nothing", r->out_len, ROUNDS);
	same("disk 0: its own error", lines_with(r->err, "device 0 ", "Input/output error"), ROUNDS);
	same("disk 1: its own error", lines_with(r->err, "device 1 ", "No space left on device"), ROUNDS);
	same("disk 2: its own error", lines_with(r->err, "device 2 ", "Read-only file system"), ROUNDS);
	same("no line is broken", lines_with(r->err, "lguest: device ", ": I/O error at byte 512: "), 3 * ROUNDS);
	finish(r);
}

const struct test tests[] = {
	{ "everything fails", everything_fails },
	{ NULL, NULL },
};
