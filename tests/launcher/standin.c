/* See standin.h. */
#define _GNU_SOURCE
#include <dirent.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <utmp.h>
#include <unistd.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/lguest_launcher.h>
#include <linux/seccomp.h>
#include <linux/virtio_ring.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include "standin.h"

/* The number that /dev/lguest has in the Launcher. */
#define LGUEST_FD 100
#define PATIENCE_MS 20000

const char *launcher;
const char *scratch;
int stdout_for_next;
static unsigned int count, failures;

bool check(bool good, const char *fmt, ...)
{
	char line[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	for (char *c = line; *c; c++)
		if (*c == '\n')
			*c = ' ';
	printf("%sok %u - %s\n", good ? "" : "not ", ++count, line);
	failures += !good;
	return good;
}

bool same(const char *what, u64 is, u64 should_be)
{
	bool good = check(is == should_be, "%s", what);

	if (!good)
		printf("# is %#llx, should be %#llx\n", (unsigned long long)is,
		       (unsigned long long)should_be);
	return good;
}

void skip(const char *fmt, ...)
{
	va_list ap;

	printf("ok %u # skip ", ++count);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf("\n");
}

static void __attribute__((noreturn)) bail_out(const char *what)
{
	printf("Bail out! %s: %s\n", what, strerror(errno));
	exit(1);
}

static u64 now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000ull + ts.tv_nsec / 1000000;
}

/* ---- The filter. ---- */

#define LOAD(field) \
	BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define IF_EQUAL(value, then, otherwise) \
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, then, otherwise)
#define RETURN(value) BPF_STMT(BPF_RET | BPF_K, value)
/* Two instructions: always ask about this call, or if it's about our file. */
#define ASK(nr) IF_EQUAL(nr, 0, 1), RETURN(SECCOMP_RET_USER_NOTIF)
#define ASK_OURS(nr)                                       \
	IF_EQUAL(nr, 0, 4), LOAD(args[0]),                 \
	IF_EQUAL(LGUEST_FD, 0, 1),                         \
	RETURN(SECCOMP_RET_USER_NOTIF), RETURN(SECCOMP_RET_ALLOW)

enum call { OTHER, OPEN, PREAD, PWRITE, READV, WRITEV, PREADV, PWRITEV, FDATASYNC };

static const struct {
	const char *name;
	int nr64, nr32;
} calls[] = {
	[OPEN] = { "openat", 257, 295 },
	[PREAD] = { "pread64", 17, 180 },
	[PWRITE] = { "pwrite64", 18, 181 },
	[READV] = { "readv", 19, 145 },
	[WRITEV] = { "writev", 20, 146 },
	[PREADV] = { "preadv", 295, 333 },
	[PWRITEV] = { "pwritev", 296, 334 },
	[FDATASYNC] = { "fdatasync", 75, 148 },
};

static enum call which_call(const struct seccomp_data *data)
{
	for (unsigned int i = OPEN; i < ARRAY_SIZE(calls); i++)
		if (data->nr == (data->arch == AUDIT_ARCH_I386 ?
					 calls[i].nr32 :
					 calls[i].nr64))
			return i;
	return OTHER;
}

static int install_filter(bool watch_io)
{
	struct sock_filter filter[] = {
		LOAD(arch),
		IF_EQUAL(AUDIT_ARCH_I386, 26, 0),
		LOAD(nr),
		ASK(257), ASK_OURS(17), ASK_OURS(18),
		BPF_JUMP(BPF_JMP | BPF_JA, watch_io, 0, 0),
		RETURN(SECCOMP_RET_ALLOW),
		ASK(19), ASK(20), ASK(295), ASK(296), ASK(75),
		RETURN(SECCOMP_RET_ALLOW),
		/* 28: */
		LOAD(nr),
		ASK(295), ASK_OURS(180), ASK_OURS(181),
		BPF_JUMP(BPF_JMP | BPF_JA, watch_io, 0, 0),
		RETURN(SECCOMP_RET_ALLOW),
		ASK(145), ASK(146), ASK(333), ASK(334), ASK(148),
		RETURN(SECCOMP_RET_ALLOW),
	};
	struct sock_fprog prog = { ARRAY_SIZE(filter), filter };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return -1;
	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
		       SECCOMP_FILTER_FLAG_NEW_LISTENER, &prog);
}

/* ---- Starting a Launcher. ---- */

static void send_fd(int sock, int fd)
{
	char byte = 0, control[CMSG_SPACE(sizeof(int))] = { 0 };
	struct iovec iov = { &byte, 1 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1,
			      .msg_control = control,
			      .msg_controllen = sizeof(control) };
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);

	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	cmsg->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(cmsg), &fd, sizeof(fd));
	if (sendmsg(sock, &msg, 0) != 1)
		_exit(126);
}

static int receive_fd(int sock)
{
	char byte, control[CMSG_SPACE(sizeof(int))] = { 0 };
	struct iovec iov = { &byte, 1 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1,
			      .msg_control = control,
			      .msg_controllen = sizeof(control) };
	int fd = -1;

	if (recvmsg(sock, &msg, 0) == 1 && CMSG_FIRSTHDR(&msg))
		memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(fd));
	return fd;
}

static void __attribute__((noreturn))
become_launcher(int flags, int sock, int in, int out, int err,
		const char *const argv[])
{
	int listener;

	signal(SIGHUP, flags & WITHOUT_HUP ? SIG_IGN : SIG_DFL);
	if (flags & ON_TERMINAL)
		login_tty(in);
	else
		setsid();
	dup2(in, 0);
	dup2(out, 1);
	dup2(err, 2);
	listener = install_filter(flags & WATCH_IO);
	if (listener < 0)
		_exit(125);
	send_fd(sock, listener);
	for (int fd = 3; fd < 64; fd++)
		close(fd);
	execv(argv[0], (char **)argv);
	_exit(127);
}

static void make_stdin(struct run *r, int flags, int *theirs)
{
	int ends[2];

	if (flags & ON_TERMINAL ? openpty(&ends[1], &ends[0], NULL, NULL, NULL) :
				  pipe(ends))
		bail_out("cannot make a pipe or a terminal");
	*theirs = ends[0];
	r->in = ends[1];
}

struct run *start(int flags, const char *const argv[])
{
	struct run *r = calloc(1, sizeof(*r));
	int in, out[2], err[2], sock[2];

	r->mem = -1;
	make_stdin(r, flags, &in);
	if (pipe(out) || pipe(err) || socketpair(AF_UNIX, SOCK_STREAM, 0, sock))
		bail_out("cannot make pipes");
	fflush(stdout);
	r->pid = fork();
	if (r->pid < 0)
		bail_out("cannot fork");
	if (r->pid == 0)
		become_launcher(flags, sock[1], in,
				stdout_for_next ? stdout_for_next : out[1],
				err[1], argv);
	stdout_for_next = 0;
	close(sock[1]);
	close(in);
	close(out[1]);
	close(err[1]);
	r->out_fd = out[0];
	r->err_fd = err[0];
	r->listener = receive_fd(sock[0]);
	close(sock[0]);
	if (r->listener < 0)
		bail_out("no seccomp listener");
	return r;
}

/* ---- Answering its system calls. ---- */

static void answer(struct run *r, u64 id, long value)
{
	struct seccomp_notif_resp resp = { .id = id };

	if (value < 0)
		resp.error = value;
	else
		resp.val = value;
	ioctl(r->listener, SECCOMP_IOCTL_NOTIF_SEND, &resp);
}

static void let_go_on(struct run *r, u64 id)
{
	struct seccomp_notif_resp resp = {
		.id = id, .flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE
	};

	ioctl(r->listener, SECCOMP_IOCTL_NOTIF_SEND, &resp);
}

static int open_memory(pid_t pid)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/mem", pid);
	return open(path, O_RDWR | O_CLOEXEC);
}

static void answer_open(struct run *r, struct seccomp_notif *req)
{
	struct seccomp_notif_addfd add = { .id = req->id,
					   .flags = SECCOMP_ADDFD_FLAG_SETFD,
					   .newfd = LGUEST_FD };
	char path[16] = "";
	int mem = open_memory(req->pid), null;

	if (mem < 0 || pread(mem, path, sizeof(path) - 1, req->data.args[1]) < 0)
		path[0] = '\0';
	close(mem);
	if (strcmp(path, "/dev/lguest")) {
		let_go_on(r, req->id);
		return;
	}
	if (r->open_error) {
		answer(r, req->id, -r->open_error);
		return;
	}
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	add.srcfd = null;
	ioctl(r->listener, SECCOMP_IOCTL_NOTIF_ADDFD, &add);
	close(null);
	r->initialized = false;
	answer(r, req->id, LGUEST_FD);
}

static long initialize(struct run *r, pid_t pid, const u64 *words)
{
	if (r->initialized)
		return -EBUSY;
	if (r->init_error)
		return -r->init_error;
	r->initialized = true;
	r->init_pid = pid;
	r->base = words[1];
	r->pfnlimit = words[2];
	r->start = words[3];
	r->eventfds = 0;
	r->lives++;
	return 3 * r->word;
}

/* The Launcher's own file descriptor, as one of ours. */
static long attach(struct run *r, u64 addr, int fd)
{
	int pidfd = syscall(SYS_pidfd_open, r->init_pid, 0);
	int ours = syscall(SYS_pidfd_getfd, pidfd, fd, 0);
	unsigned int i;

	close(pidfd);
	if (!addr || ours < 0)
		return addr ? -EBADF : -EINVAL;
	for (i = 0; i < r->eventfds; i++)
		if (r->eventfd[i].addr == addr)
			return 0; /* As the old module did: the first counts. */
	r->eventfd[i].addr = addr;
	r->eventfd[i].fd = ours;
	r->eventfds++;
	return 0;
}

static long request(struct run *r, struct seccomp_notif *req)
{
	u64 words[4] = { 0 }, len = req->data.args[2], raw;

	if (req->data.args[3] || len > sizeof(words))
		return -EINVAL;
	if (r->mem >= 0)
		close(r->mem);
	r->mem = open_memory(req->pid);
	for (unsigned int i = 0; i < len / r->word; i++) {
		raw = 0;
		if (pread(r->mem, &raw, r->word,
			  req->data.args[1] + i * r->word) != (ssize_t)r->word)
			return -EFAULT;
		words[i] = raw;
	}
	if (words[0] == LHREQ_INITIALIZE)
		return initialize(r, req->pid, words);
	if (!r->initialized)
		return -EINVAL;
	if (words[0] == LHREQ_EVENTFD)
		return attach(r, words[1], words[2]);
	if (words[0] != LHREQ_IRQ || words[1] >= 32)
		return -EINVAL;
	if (r->irq_error)
		return -r->irq_error;
	r->irqs[words[1]]++;
	return 0;
}

static void start_read(struct run *r, struct seccomp_notif *req)
{
	if (!r->initialized || req->data.args[3]) {
		answer(r, req->id, -EINVAL);
	} else if ((pid_t)req->pid != r->init_pid) {
		answer(r, req->id, -EPERM);
	} else {
		r->reading = true;
		r->read_id = req->id;
		r->read_buf = req->data.args[1];
		r->read_len = req->data.args[2];
	}
}

static void transfer(struct run *r, struct seccomp_notif *req, enum call call)
{
	long ret = r->inject ? r->inject(calls[call].name, req->data.args[0],
					 req->data.args[3]) :
			       0;

	if (ret)
		answer(r, req->id, ret);
	else
		let_go_on(r, req->id);
}

static void serve_call(struct run *r)
{
	struct seccomp_notif req = { 0 };
	enum call call;

	if (ioctl(r->listener, SECCOMP_IOCTL_NOTIF_RECV, &req))
		return;
	call = which_call(&req.data);
	r->word = req.data.arch == AUDIT_ARCH_I386 ? 4 : 8;
	if (call == OPEN)
		answer_open(r, &req);
	else if (call == PWRITE)
		answer(r, req.id, request(r, &req));
	else if (call == PREAD)
		start_read(r, &req);
	else
		transfer(r, &req, call);
}

/* ---- Waiting. ---- */

static void collect(int *fd, char *buf, size_t *len, size_t room)
{
	ssize_t ret = read(*fd, buf + *len, room - *len - 1);

	if (ret <= 0) {
		close(*fd);
		*fd = -1;
		return;
	}
	*len += ret;
	buf[*len] = '\0';
}

static void reap(struct run *r)
{
	int status;

	if (r->gone || waitpid(r->pid, &status, WNOHANG) != r->pid)
		return;
	r->gone = true;
	r->status = WIFEXITED(status) ? WEXITSTATUS(status) :
					256 + WTERMSIG(status);
}

/* Does whatever there is to do; waits for @ms at most. */
static void pump(struct run *r, int ms)
{
	struct pollfd fds[3] = { { r->listener, POLLIN, 0 },
				 { r->out_fd, POLLIN, 0 },
				 { r->err_fd, POLLIN, 0 } };

	reap(r);
	if (r->gone)
		fds[0].fd = -1;
	poll(fds, 3, ms);
	if (fds[0].revents & POLLIN)
		serve_call(r);
	else if (fds[0].revents)
		usleep(500); /* The last one has gone: only its end is missing. */
	if (fds[1].revents)
		collect(&r->out_fd, r->out, &r->out_len, sizeof(r->out));
	if (fds[2].revents)
		collect(&r->err_fd, r->err, &r->err_len, sizeof(r->err));
}

#define WAIT_UNTIL(r, condition)                                          \
	({                                                                \
		u64 until_ = now_ms() + PATIENCE_MS;                      \
		while (!(condition) && now_ms() < until_)                 \
			pump(r, 5);                                       \
		(condition);                                              \
	})

bool wait_read(struct run *r)
{
	return WAIT_UNTIL(r, r->reading || r->gone) && r->reading;
}

int wait_end(struct run *r)
{
	WAIT_UNTIL(r, r->gone);
	if (!r->gone) {
		printf("# it doesn't end; stdout: %s\n# stderr: %s\n", r->out,
		       r->err);
		return -1;
	}
	WAIT_UNTIL(r, r->out_fd < 0 && r->err_fd < 0);
	return r->status;
}

void wait_ms(struct run *r, int ms)
{
	u64 until = now_ms() + ms;

	while (now_ms() < until)
		pump(r, until - now_ms() > 5 ? 5 : 1);
}

bool wait_for_text(struct run *r, const char *text, const char *part)
{
	return WAIT_UNTIL(r, strstr(text, part) ||
				     (r->gone && r->out_fd < 0 && r->err_fd < 0)) &&
	       strstr(text, part);
}

bool says(struct run *r, const char *what, const char *part)
{
	bool good = check(wait_for_text(r, r->err, part), "%s", what);

	if (!good)
		printf("# \"%s\" is not in:\n# %s\n", part, r->err);
	return good;
}

void finish(struct run *r)
{
	if (!r->gone) {
		kill(r->pid, SIGKILL);
		waitpid(r->pid, &r->status, 0);
	}
	close(r->listener);
	close(r->in);
	if (r->out_fd >= 0)
		close(r->out_fd);
	if (r->err_fd >= 0)
		close(r->err_fd);
	if (r->mem >= 0)
		close(r->mem);
	for (unsigned int i = 0; i < r->eventfds; i++)
		close(r->eventfd[i].fd);
	free(r);
	for (int patience = 200; count_children(getpid()); patience--) {
		if (!patience) {
			check(false, "nothing is left behind");
			break;
		}
		usleep(10000);
	}
}

/* ---- The Guest. ---- */

void give_notify(struct run *r, u64 addr)
{
	r->reading = false;
	if (pwrite(r->mem, &addr, r->word, r->read_buf) != (ssize_t)r->word)
		answer(r, r->read_id, -EFAULT);
	else
		answer(r, r->read_id, r->word);
}

void give_error(struct run *r, int error)
{
	r->reading = false;
	answer(r, r->read_id, -error);
}

void give_text(struct run *r, const char *text)
{
	size_t len = strlen(text) + 1;

	if (len > r->read_len)
		len = r->read_len;
	r->reading = false;
	if (pwrite(r->mem, text, len, r->read_buf) != (ssize_t)len)
		answer(r, r->read_id, -EFAULT);
	else
		answer(r, r->read_id, len);
}

bool notify(struct run *r, u64 addr)
{
	if (!wait_read(r))
		return false;
	give_notify(r, addr);
	return wait_read(r);
}

void die(struct run *r, const char *reason)
{
	if (!wait_read(r))
		return;
	give_error(r, ENOENT);
	if (wait_read(r))
		give_text(r, reason);
}

void peek(struct run *r, u64 addr, void *buf, size_t len)
{
	if (pread(r->mem, buf, len, r->base + addr) != (ssize_t)len)
		printf("# cannot read %zu bytes at %#llx\n", len,
		       (unsigned long long)addr);
}

void poke(struct run *r, u64 addr, const void *buf, size_t len)
{
	if (pwrite(r->mem, buf, len, r->base + addr) != (ssize_t)len)
		printf("# cannot write %zu bytes at %#llx\n", len,
		       (unsigned long long)addr);
}

u64 get(struct run *r, u64 addr, unsigned int size)
{
	u64 value = 0;

	peek(r, addr, &value, size);
	return value;
}

void put(struct run *r, u64 addr, unsigned int size, u64 value)
{
	poke(r, addr, &value, size);
}

bool find_device(struct run *r, unsigned int n, struct found *dev)
{
	u64 at = 64 << 20;

	for (;; n--) {
		memset(dev, 0, sizeof(*dev));
		dev->desc = at;
		dev->type = get(r, at, 1);
		dev->num_vq = get(r, at + 1, 1);
		dev->feature_len = get(r, at + 2, 1);
		dev->config_len = get(r, at + 3, 1);
		if (!dev->type || dev->num_vq > 2 || dev->feature_len > 4)
			return false;
		at += 5;
		for (unsigned int i = 0; i < dev->num_vq; i++, at += 8) {
			dev->vq[i].r = r;
			dev->vq[i].num = get(r, at, 2);
			dev->vq[i].irq = get(r, at + 2, 2);
			dev->vq[i].addr = get(r, at + 4, 4) * 4096;
		}
		dev->features = get(r, at, dev->feature_len);
		dev->guest_features = at + dev->feature_len;
		dev->config = dev->guest_features + dev->feature_len;
		at = dev->config + dev->config_len;
		if (!n)
			return true;
	}
}

bool set_status(struct run *r, struct found *dev, u8 status)
{
	put(r, dev->desc + 4, 1, status);
	return notify(r, dev->desc);
}

bool start_device(struct run *r, struct found *dev, u32 features)
{
	put(r, dev->guest_features, dev->feature_len, features);
	for (unsigned int i = 0; i < dev->num_vq; i++)
		dev->vq[i].avail = dev->vq[i].next_desc = 0;
	return set_status(r, dev, 3);
}

void set_desc(struct queue *q, u64 table, u16 i, u64 addr, u32 len, u16 flags,
	      u16 next)
{
	struct vring_desc desc = { addr, len, flags, next };

	poke(q->r, table + i * sizeof(desc), &desc, sizeof(desc));
}

void make_available(struct queue *q, u16 head)
{
	u64 avail = q->addr + 256 * sizeof(struct vring_desc);

	put(q->r, avail + 4 + q->avail % 256 * 2, 2, head);
	put(q->r, avail + 2, 2, ++q->avail);
}

u16 add_chain(struct queue *q, const struct buf *bufs, unsigned int num)
{
	u16 head = q->next_desc % 256;

	for (unsigned int i = 0; i < num; i++, q->next_desc++)
		set_desc(q, q->addr, q->next_desc % 256, bufs[i].addr,
			 bufs[i].len,
			 (bufs[i].in ? VRING_DESC_F_WRITE : 0) |
				 (i + 1 < num ? VRING_DESC_F_NEXT : 0),
			 (q->next_desc + 1) % 256);
	make_available(q, head);
	return head;
}

void kick(struct queue *q)
{
	u64 one = 1;

	for (unsigned int i = 0; i < q->r->eventfds; i++)
		if (q->r->eventfd[i].addr == q->addr &&
		    write(q->r->eventfd[i].fd, &one, 8) != 8)
			printf("# cannot kick the queue at %#llx\n",
			       (unsigned long long)q->addr);
}

static u64 used_ring(struct queue *q)
{
	return q->addr + 2 * 4096;
}

u16 used_index(struct queue *q)
{
	return get(q->r, used_ring(q) + 2, 2);
}

bool wait_used(struct queue *q, u16 index, u32 *len)
{
	bool good = WAIT_UNTIL(q->r, used_index(q) == index || q->r->gone) &&
		    !q->r->gone;

	if (good && len)
		*len = get(q->r, used_ring(q) + 4 + (u16)(index - 1) % 256 * 8 + 4, 4);
	return good;
}

bool wait_irq(struct run *r, unsigned int irq, unsigned int num)
{
	return WAIT_UNTIL(r, r->irqs[irq] >= num || r->gone) &&
	       r->irqs[irq] >= num;
}

/* ---- Files. ---- */

const char *path_of(const char *name)
{
	static char paths[8][256];
	static unsigned int next;
	char *path = paths[next++ % 8];

	snprintf(path, sizeof(paths[0]), "%s/%s", scratch, name);
	return path;
}

const char *write_file(const char *name, const void *data, size_t len)
{
	const char *path = path_of(name);
	FILE *file = fopen(path, "w");

	if (!file || fwrite(data, 1, len, file) != len || fclose(file))
		bail_out(path);
	return path;
}

const char *make_kernel(const char *name)
{
	struct {
		Elf32_Ehdr ehdr;
		Elf32_Phdr phdr;
		u8 text[4096];
	} file = {
		.ehdr = { .e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS32,
				       ELFDATA2LSB, EV_CURRENT },
			  .e_type = ET_EXEC, .e_machine = EM_386,
			  .e_version = EV_CURRENT, .e_entry = 0x100010,
			  .e_phoff = sizeof(Elf32_Ehdr),
			  .e_ehsize = sizeof(Elf32_Ehdr),
			  .e_phentsize = sizeof(Elf32_Phdr), .e_phnum = 1 },
		.phdr = { .p_type = PT_LOAD,
			  .p_offset = sizeof(Elf32_Ehdr) + sizeof(Elf32_Phdr),
			  .p_vaddr = 0xc0100000, .p_paddr = 0x100000,
			  .p_filesz = 4096, .p_memsz = 8192 },
	};

	for (unsigned int i = 0; i < sizeof(file.text); i++)
		file.text[i] = i % 251;
	return write_file(name, &file, sizeof(file));
}

struct run *boot(int flags, const char *const options[])
{
	const char *argv[32] = { launcher, "64", make_kernel("vmlinux") };
	unsigned int n = 3;
	struct run *r;

	while (*options)
		argv[n++] = *options++;
	r = start(flags, argv);
	if (!wait_read(r))
		check(false, "it runs its Guest: %s", r->err);
	return r;
}

static pid_t parent_of(pid_t pid)
{
	char path[64], line[512] = "", *after;
	pid_t parent = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	file = fopen(path, "r");
	if (!file)
		return 0;
	after = fgets(line, sizeof(line), file) ? strrchr(line, ')') : NULL;
	fclose(file);
	if (after && after[2] != 'Z')
		sscanf(after + 3, "%d", &parent);
	return parent;
}

/* Their number; the last one's goes to @last. */
static unsigned int visit_children(pid_t pid, pid_t *last)
{
	DIR *proc = opendir("/proc");
	struct dirent *entry;
	unsigned int num = 0;

	while ((entry = readdir(proc))) {
		pid_t child = atoi(entry->d_name);

		if (child > 1 && parent_of(child) == pid) {
			num += 1 + visit_children(child, last);
			*last = child;
		}
	}
	closedir(proc);
	return num;
}

unsigned int count_children(pid_t pid)
{
	pid_t last;

	return visit_children(pid, &last);
}

void kill_a_child(pid_t pid)
{
	pid_t child;

	if (visit_children(pid, &child))
		kill(child, SIGKILL);
}

int main(int argc, char *argv[])
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGHUP, SIG_DFL);
	if (argc != 3)
		return 2;
	launcher = argv[1];
	scratch = argv[2];
	/* What the Launcher leaves behind comes to us. */
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	for (const struct test *test = tests; test->run; test++) {
		printf("# %s\n", test->name);
		test->run();
	}
	printf("1..%u\n", count);
	return failures != 0;
}
