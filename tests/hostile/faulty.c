/* The file system of faulty.h: the kernel's questions about it come by /dev/fuse,
 * and whatever we answer is what a system call of the Launcher's returns. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <linux/fuse.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include "faulty.h"

#define DISK_NODE 2
#define QUESTION (1 << 18)

static int kernel;
static uint8_t *contents;
static uint32_t size;
static bool flush_fails;

static void answer(const struct fuse_in_header *q, int error, const void *data,
		   uint32_t len)
{
	struct fuse_out_header header = { sizeof(header) + len, error, q->unique };
	struct iovec iov[2] = { { &header, sizeof(header) },
				{ (void *)data, len } };

	/* Whoever asked may be dead. */
	if (writev(kernel, iov, 2) < 0 && errno != ENOENT)
		_exit(1);
}

static struct fuse_attr attributes(uint64_t node)
{
	return (struct fuse_attr){
		.ino = node,
		.size = node == DISK_NODE ? size : 0,
		.mode = node == DISK_NODE ? S_IFREG | 0600 : S_IFDIR | 0700,
		.nlink = 1,
		.blksize = 512,
	};
}

static void begin(const struct fuse_in_header *q, const struct fuse_init_in *in)
{
	struct fuse_init_out out = {
		.major = FUSE_KERNEL_VERSION,
		.minor = FUSE_KERNEL_MINOR_VERSION,
		.max_readahead = in->max_readahead,
		.max_write = 1 << 17,
		.time_gran = 1,
	};

	answer(q, 0, &out, sizeof(out));
}

static void look_up(const struct fuse_in_header *q, const char *name)
{
	struct fuse_entry_out out = { .nodeid = DISK_NODE, .generation = 1 };

	out.attr = attributes(DISK_NODE);
	if (strcmp(name, "disk"))
		answer(q, -ENOENT, NULL, 0);
	else
		answer(q, 0, &out, sizeof(out));
}

static void get_attributes(const struct fuse_in_header *q)
{
	struct fuse_attr_out out = { .attr = attributes(q->nodeid) };

	answer(q, 0, &out, sizeof(out));
}

/* Without the kernel's cache between us and who opens it. */
static void open_it(const struct fuse_in_header *q)
{
	struct fuse_open_out out = { .open_flags = FOPEN_DIRECT_IO };

	answer(q, 0, &out, sizeof(out));
}

/* How much of a transfer takes place, or an error. */
static int fate(uint64_t offset, uint32_t len)
{
	static bool interrupt;

	if (offset + len > size / 2)
		return -EIO;
	if (offset >= size / 4)
		return (interrupt = !interrupt) ? -EINTR : (int)len;
	if (offset >= size / 8)
		return len / 2 + 1;
	return len;
}

/* A transfer that begins before the bad half ends there. */
static uint32_t before_the_bad(uint64_t offset, uint32_t len)
{
	return offset < size / 2 && offset + len > size / 2 ? size / 2 - offset :
							      len;
}

static void read_it(const struct fuse_in_header *q, const struct fuse_read_in *in)
{
	uint32_t len = before_the_bad(in->offset, in->size);
	int done = fate(in->offset, len);

	answer(q, done < 0 ? done : 0, contents + in->offset, done < 0 ? 0 : done);
}

static void write_it(const struct fuse_in_header *q,
		     const struct fuse_write_in *in)
{
	uint32_t len = before_the_bad(in->offset, in->size);
	int done = fate(in->offset, len);
	struct fuse_write_out out = { .size = done };

	flush_fails |= done == -EIO;
	if (done < 0) {
		answer(q, done, NULL, 0);
		return;
	}
	memcpy(contents + in->offset, in + 1, done);
	answer(q, 0, &out, sizeof(out));
}

static void flush_it(const struct fuse_in_header *q)
{
	static bool interrupt;

	interrupt = !interrupt;
	answer(q, interrupt ? -EINTR : flush_fails ? -EIO : 0, NULL, 0);
	flush_fails &= interrupt;
}

static void answer_question(const struct fuse_in_header *q)
{
	switch (q->opcode) {
	case FUSE_INIT:
		begin(q, (const void *)(q + 1));
		break;
	case FUSE_LOOKUP:
		look_up(q, (const void *)(q + 1));
		break;
	case FUSE_GETATTR:
		get_attributes(q);
		break;
	case FUSE_OPEN:
		open_it(q);
		break;
	case FUSE_READ:
		read_it(q, (const void *)(q + 1));
		break;
	case FUSE_WRITE:
		write_it(q, (const void *)(q + 1));
		break;
	case FUSE_FSYNC:
		flush_it(q);
		break;
	case FUSE_FLUSH:
	case FUSE_RELEASE:
		answer(q, 0, NULL, 0);
		break;
	case FUSE_FORGET:
	case FUSE_BATCH_FORGET:
	case FUSE_INTERRUPT:
		break;
	default:
		answer(q, -ENOSYS, NULL, 0);
	}
}

/* Until it's unmounted, or whoever wanted it is gone. */
static void __attribute__((noreturn)) serve(int client)
{
	static uint8_t question[QUESTION] __attribute__((aligned(8)));
	struct pollfd pfd[2] = { { kernel, POLLIN, 0 }, { client, 0, 0 } };

	while (poll(pfd, 2, -1) > 0 && !pfd[1].revents) {
		ssize_t len = read(kernel, question, sizeof(question));

		if (len >= (ssize_t)sizeof(struct fuse_in_header))
			answer_question((const void *)question);
		else if (errno != EINTR && errno != ENOENT && errno != EAGAIN)
			break;
	}
	_exit(0);
}

/* The child of a child, whom nobody has to wait for. */
static bool start_server(void)
{
	int ends[2];
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC))
		return false;
	pid = fork();
	if (!pid) {
		close(ends[1]);
		if (fork() == 0)
			serve(ends[0]);
		_exit(0);
	}
	close(ends[0]);
	return waitpid(pid, NULL, 0) == pid;
}

bool faulty_mount(const char *where, uint32_t bytes)
{
	char options[64];

	size = bytes;
	contents = calloc(1, size);
	kernel = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	if (!contents || kernel < 0)
		return false;
	snprintf(options, sizeof(options),
		 "fd=%d,rootmode=40000,user_id=0,group_id=0", kernel);
	if (mount("faulty", where, "fuse", MS_NOSUID | MS_NODEV, options))
		return false;
	return start_server() && !close(kernel);
}
