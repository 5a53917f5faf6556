/* Gives each hostile Guest to a Launcher, and looks at what becomes of it, and
 * of everything around.  Usage: run LGUEST IMAGE EMPTY-DIRECTORY [CASE |
 * random SECONDS | gigabytes].  TAP.
 *
 * What's looked at, always: exit status and stderr as expected, at most one line
 * more than the Guest may cause; an end in good time; no process left; no more
 * memory than a Guest of 16 MB can be worth; the disk as it was, and nothing new
 * next to it. */
#define _GNU_SOURCE
#include <dirent.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <arpa/inet.h>
#include <linux/capability.h>
#include <linux/if.h>
#include <linux/rtnetlink.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include "faulty.h"
#include "sanitizer.h"

#define DISK_SIZE (1u << 20)
#define SECONDS_AT_MOST 30
/* 4 GB of code take their time. */
#define SECONDS_FOR_GIGABYTES 600
/* For a Guest that may run for ever; then comes a SIGTERM. */
#define SECONDS_FOR_EVER 2
#define MOST_MEMORY_KB (400 * 1024)
#define MOST_TEXT 8192
/* Of warnings, and the last one that says so. */
#define MOST_LINES 10001

struct hostile_case {
	uint32_t name, options, expect, run;
};

static const char *launcher, *image_path, *dir;
static const uint8_t *image;
static unsigned int tests, launches;
static double seconds_at_most = SECONDS_AT_MOST;
static uint8_t disk[DISK_SIZE];

static void die(const char *what)
{
	printf("Bail out! %s: %s\n", what, strerror(errno));
	exit(1);
}

/* ---- The table of cases, in the image ---- */

static void *read_image(void)
{
	int fd = open(image_path, O_RDONLY);
	struct stat st;
	void *map;

	if (fd < 0 || fstat(fd, &st))
		die(image_path);
	map = mmap(NULL, st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	close(fd);
	return map;
}

static const char *at_address(uint32_t address)
{
	const Elf32_Ehdr *ehdr = (const void *)image;
	const Elf32_Phdr *phdr = (const void *)(image + ehdr->e_phoff);

	return (const char *)image + phdr->p_offset + (address - phdr->p_vaddr);
}

static const struct hostile_case *find_cases(unsigned int *num)
{
	const Elf32_Ehdr *ehdr = (const void *)image;
	const Elf32_Shdr *shdr = (const void *)(image + ehdr->e_shoff);
	const char *names = (const char *)image + shdr[ehdr->e_shstrndx].sh_offset;

	for (int i = 0; i < ehdr->e_shnum; i++)
		if (strcmp(names + shdr[i].sh_name, "cases") == 0) {
			*num = shdr[i].sh_size / sizeof(struct hostile_case);
			return (const void *)(image + shdr[i].sh_offset);
		}
	errno = 0;
	die("no cases");
	return NULL;
}

/* ---- Surroundings ---- */

static const char *in_dir(const char *name)
{
	static char path[4][256];
	static unsigned int next;

	next = (next + 1) % 4;
	snprintf(path[next], sizeof(path[next]), "%s/%s", dir, name);
	return path[next];
}

static void write_disk(void)
{
	int fd = open(in_dir("disk"), O_RDWR | O_CREAT | O_TRUNC, 0600);

	for (unsigned int i = 0; i < sizeof(disk); i++)
		disk[i] = i % 251 | 1;
	if (fd < 0 || write(fd, disk, sizeof(disk)) != sizeof(disk))
		die("disk");
	close(fd);
}

static bool disk_is_as_it_was(void)
{
	static uint8_t now[DISK_SIZE + 1];
	int fd = open(in_dir("disk"), O_RDONLY);
	ssize_t len = read(fd, now, sizeof(now));

	close(fd);
	return len == sizeof(disk) && !memcmp(now, disk, sizeof(disk));
}

static void make_sparse(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);

	if (fd < 0 || ftruncate(fd, DISK_SIZE))
		die(path);
	close(fd);
}

/* A file system with room for half a disk, which nobody else can see. */
static bool isolated, faulty;

static void isolate(void)
{
	if (unshare(CLONE_NEWNS | CLONE_NEWNET) ||
	    mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL))
		return;
	mkdir(in_dir("small"), 0700);
	if (mount("none", in_dir("small"), "tmpfs", 0, "size=512k"))
		return;
	isolated = true;
	mkdir(in_dir("faulty"), 0700);
	faulty = faulty_mount(in_dir("faulty"), DISK_SIZE);
}

static unsigned int count_entries(const char *path)
{
	DIR *d = opendir(path);
	unsigned int num = 0;

	while (d && readdir(d))
		num++;
	if (d)
		closedir(d);
	return num;
}

/* Taps of other tests are in other namespaces. */
static unsigned int count_taps(void)
{
	FILE *file = fopen("/proc/self/net/dev", "r");
	char line[512];
	unsigned int num = 0;

	while (file && fgets(line, sizeof(line), file))
		num += strstr(line, "tap") != NULL;
	if (file)
		fclose(file);
	return num;
}

/* ---- One Launcher ---- */

struct outcome {
	int status;		/* exit status, or 256 + signal */
	char text[MOST_TEXT];	/* stderr */
	size_t text_len;
	unsigned int lines;
	bool in_time, left_over;
	long memory_kb;
	double seconds;
};

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

/* Words of options that aren't the Launcher's: where stdin comes from and where
 * stdout goes. */
static void redirect(const char *word)
{
	int ends[2];

	if (strcmp(word, "<STDIN") == 0)
		return;
	if (strcmp(word, ">&-") == 0) {
		close(STDOUT_FILENO);
	} else if (strcmp(word, "<&-") == 0) {
		close(STDIN_FILENO);
	} else if (strcmp(word, ">BROKEN") == 0) {
		if (pipe(ends))
			_exit(126);
		dup2(ends[1], STDOUT_FILENO);
		close(ends[0]);
		close(ends[1]);
	} else {
		int fd = open(word + 1, *word == '<' ? O_RDONLY : O_WRONLY);

		dup2(fd, *word == '<' ? STDIN_FILENO : STDOUT_FILENO);
		close(fd);
	}
}

static const char *option_word(const char *word)
{
	static char path[280];
	struct rlimit limit = { DISK_SIZE / 2, DISK_SIZE / 2 };

	if (strcmp(word, "--block=DISK") == 0) {
		snprintf(path, sizeof(path), "--block=%s", in_dir("disk"));
	} else if (strcmp(word, "--block=READ_ONLY_DISK") == 0) {
		snprintf(path, sizeof(path), "--block=%s", in_dir("disk"));
		prctl(PR_CAPBSET_DROP, CAP_DAC_OVERRIDE);
	} else if (strcmp(word, "--block=FAULTY") == 0) {
		snprintf(path, sizeof(path), "--block=%s", in_dir("faulty/disk"));
	} else if (strcmp(word, "--block=FULL") == 0) {
		snprintf(path, sizeof(path), "--block=%s", in_dir("small/disk"));
	} else if (strcmp(word, "--block=LIMITED") == 0) {
		snprintf(path, sizeof(path), "--block=%s", in_dir("limited"));
		setrlimit(RLIMIT_FSIZE, &limit);
	} else {
		return word;
	}
	return strdup(path);
}

static void __attribute__((noreturn))
be_launcher(const char *options, char *command_line)
{
	const char *argv[32] = { launcher, "16", image_path };
	char *copy = strdup(options), *word;
	unsigned int n = 3;

	for (word = strtok(copy, " "); word; word = strtok(NULL, " ")) {
		if (*word == '<' || *word == '>') {
			if (strcmp(word, ">SLOW"))
				redirect(word);
		} else {
			argv[n++] = option_word(word);
		}
	}
	for (word = strtok(command_line, " "); word; word = strtok(NULL, " "))
		argv[n++] = word;
	signal(SIGPIPE, SIG_DFL);
	execv(launcher, (char **)argv);
	_exit(127);
}

/* The Guest asks for something on its console, and goes on when it's done. */
static void tap_link(int type, bool up)
{
	struct {
		struct nlmsghdr nh;
		struct ifinfomsg info;
	} req = { { sizeof(req), type, NLM_F_REQUEST | NLM_F_ACK, 1, 0 },
		  { .ifi_family = AF_UNSPEC } };
	struct ifreq ifr = { .ifr_name = "tap0" };
	int sock = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	int inet = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	char reply[1024];

	if (type == RTM_DELLINK) {
		ioctl(inet, SIOCGIFINDEX, &ifr);
		req.info.ifi_index = ifr.ifr_ifindex;
		if (send(sock, &req, sizeof(req), 0) < 0 ||
		    recv(sock, reply, sizeof(reply), 0) < 0)
			die("tap0");
	} else {
		ioctl(inet, SIOCGIFFLAGS, &ifr);
		if (up)
			ifr.ifr_flags |= IFF_UP;
		else
			ifr.ifr_flags &= ~IFF_UP;
		ioctl(inet, SIOCSIFFLAGS, &ifr);
	}
	close(sock);
	close(inet);
}

static void ping(void)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(9),
				  .sin_addr.s_addr = inet_addr("10.77.0.2") };
	int sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	setsockopt(sock, SOL_SOCKET, SO_BINDTODEVICE, "tap0", 5);
	if (sendto(sock, "woof", 4, 0, (void *)&to, sizeof(to)) < 0)
		printf("# ping: %s\n", strerror(errno));
	close(sock);
}

static void obey(const char *out, size_t len, int answer)
{
	if (memmem(out, len, "<truncate>", 10)) {
		if (truncate(in_dir("disk"), DISK_SIZE / 2))
			die("truncate");
	} else if (memmem(out, len, "<down>", 6)) {
		tap_link(RTM_SETLINK, false);
	} else if (memmem(out, len, "<delete>", 8)) {
		tap_link(RTM_DELLINK, false);
	} else if (memmem(out, len, "<ping>", 6)) {
		ping();
	} else {
		return;
	}
	/* The Guest may have died of what was done. */
	if (write(answer, "x", 1) != 1)
		printf("# nobody waits for an answer\n");
}

static unsigned int count_lines(const char *text, ssize_t len)
{
	unsigned int lines = 0;

	while (len-- > 0)
		lines += text[len] == '\n';
	return lines;
}

static void read_all(int out, int err, int in, bool slow, double seconds,
		     struct outcome *o)
{
	struct pollfd pfd[2] = { { out, POLLIN, 0 }, { err, POLLIN, 0 } };
	static char buf[65536];
	double end = now() + seconds;
	ssize_t len;

	while (pfd[0].fd >= 0 || pfd[1].fd >= 0) {
		double left = end - now();

		if (left <= 0)
			return;
		poll(pfd, 2, left * 1000);
		if (pfd[0].revents) {
			if (slow)
				usleep(20000);
			len = read(out, buf, slow ? 8192 : sizeof(buf));
			if (len > 0 && len < 100)
				obey(buf, len, in);
			if (len == 0)
				pfd[0].fd = -1;
		}
		if (pfd[1].revents) {
			len = read(err, buf, sizeof(buf));
			if (len == 0)
				pfd[1].fd = -1;
			o->lines += count_lines(buf, len);
			if (len > (ssize_t)(MOST_TEXT - 1 - o->text_len))
				len = MOST_TEXT - 1 - o->text_len;
			if (len > 0)
				memcpy(o->text + o->text_len, buf, len);
			if (len > 0)
				o->text_len += len;
		}
	}
	o->in_time = true;
}

/* Whatever the Launcher leaves behind becomes our child. */
static void reap_left_over(struct outcome *o)
{
	pid_t pid;

	for (int i = 0; i < 100; i++) {
		pid = waitpid(-1, NULL, WNOHANG | __WALL);
		if (pid < 0)
			return;
		if (pid == 0)
			usleep(5000);
	}
	o->left_over = true;
}

static void kill_children(void)
{
	char path[64], *line = NULL;
	size_t size = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/self/task/%d/children", getpid());
	file = fopen(path, "r");
	if (file && getline(&line, &size, file) > 0)
		for (char *p = strtok(line, " "); p; p = strtok(NULL, " "))
			kill(atoi(p), SIGKILL);
	free(line);
	if (file)
		fclose(file);
}

static struct outcome launch(const char *options, const char *command_line,
			     bool for_ever)
{
	static struct outcome o;
	int out[2], err[2], in[2], status;
	double started = now();
	struct rusage usage;
	char line[256];
	pid_t pid;

	memset(&o, 0, sizeof(o));
	launches++;
	if (pipe2(out, O_CLOEXEC) || pipe2(err, O_CLOEXEC) ||
	    pipe2(in, O_CLOEXEC))
		die("pipe");
	if (strstr(options, ">SLOW"))
		fcntl(out[1], F_SETFL, O_NONBLOCK);
	snprintf(line, sizeof(line), "%s", command_line);
	fflush(stdout);
	pid = fork();
	if (pid < 0)
		die("fork");
	if (!pid) {
		dup2(in[0], STDIN_FILENO);
		dup2(out[1], STDOUT_FILENO);
		dup2(err[1], STDERR_FILENO);
		be_launcher(options, line);
	}
	close(in[0]);
	close(out[1]);
	close(err[1]);
	if (for_ever) {
		read_all(out[0], err[0], in[1], false, SECONDS_FOR_EVER, &o);
		if (!o.in_time)
			kill(pid, SIGTERM);
	}
	read_all(out[0], err[0], in[1], strstr(options, ">SLOW"),
		 seconds_at_most, &o);
	if (!o.in_time)
		kill(pid, SIGKILL);
	wait4(pid, &status, 0, &usage);
	o.seconds = now() - started;
	o.memory_kb = usage.ru_maxrss;
	o.status = WIFEXITED(status) ? WEXITSTATUS(status) :
				       256 + WTERMSIG(status);
	reap_left_over(&o);
	if (o.left_over)
		kill_children();
	close(in[1]);
	close(out[0]);
	close(err[0]);
	if (o.text_len && o.text[o.text_len - 1] == '\n')
		o.text[o.text_len - 1] = '\0';
	forget_warning(o.text);
	return o;
}

/* ---- Judgement ---- */

static void show_text(const char *text)
{
	printf("#   stderr: ");
	for (; *text; text++)
		if (*text == '\n')
			printf("\n#           ");
		else
			putchar(*text);
	putchar('\n');
}

static bool as_expected(const struct outcome *o, const char *expect)
{
	char status = '0' + o->status;

	if (*expect == '~' && o->status == 256 + SIGTERM)
		return !*o->text;
	if (o->status > 1 || (!strchr("?~", *expect) && *expect != status))
		return false;
	if (o->status == 1 && !*o->text)
		return false;
	if (*expect != '0' && strchr(o->text, '\n'))
		return false;
	if (*o->text && strncmp(o->text, "lguest: ", 8))
		return false;
	return fnmatch(expect + 2, o->text, 0) == 0;
}

static const char *what_is_wrong(const struct outcome *o, const char *options,
				 const char *expect)
{
	if (!o->in_time)
		return "took too long";
	if (o->left_over)
		return "left a process behind";
	if (!as_expected(o, expect))
		return "ended in another way";
	if (o->memory_kb > MOST_MEMORY_KB)
		return "took too much memory";
	if (o->lines > MOST_LINES)
		return "said too much";
	if (strstr(options, "DISK") && !disk_is_as_it_was())
		return "changed the disk";
	if (isolated && count_taps())
		return "left a tap";
	return NULL;
}

static bool judge(const struct outcome *o, const char *name,
		  const char *options, const char *expect)
{
	const char *wrong = what_is_wrong(o, options, expect);

	if (wrong) {
		printf("# %s: %s: status %d, %.1f s, %ld KB\n#   expected: %s\n",
		       name, wrong, o->status, o->seconds, o->memory_kb, expect);
		show_text(o->text);
		if (strstr(options, "DISK"))
			write_disk();
	}
	return !wrong;
}

static void result(bool good, const char *fmt, ...)
{
	va_list ap;

	printf("%sok %u - ", good ? "" : "not ", ++tests);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
	fflush(stdout);
}

/* NULL if there's nothing to keep us from it. */
static const char *missing_for(const char *options)
{
	if (strstr(options, "FAULTY") && !faulty)
		return "needs root and /dev/fuse";
	if ((strstr(options, "--tunnet") || strstr(options, "FULL")) && !isolated)
		return "needs to be root";
	return NULL;
}

static void prepare(const char *options)
{
	if (strstr(options, "DISK"))
		chmod(in_dir("disk"), strstr(options, "READ_ONLY") ? 0400 : 0600);
	if (strstr(options, "FULL"))
		make_sparse(in_dir("small/disk"));
	if (strstr(options, "LIMITED"))
		make_sparse(in_dir("limited"));
}

static void test_case(const struct hostile_case *c)
{
	const char *name = at_address(c->name);
	const char *options = at_address(c->options);
	const char *expect = at_address(c->expect);
	const char *missing = missing_for(options);
	struct outcome o;

	if (!*expect)
		return;
	if (missing) {
		printf("ok %u - %s # SKIP %s\n", ++tests, name, missing);
		return;
	}
	prepare(options);
	o = launch(options, name, *expect == '~');
	if (strcmp(name, "block_file_truncated") == 0)
		write_disk();
	result(judge(&o, name, options, expect), "%s", name);
}

/* ---- Cases by the hundred ---- */

static bool try(const char *options, const char *expect, const char *fmt, ...)
{
	struct outcome o;
	char line[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	o = launch(options, line, *expect == '~');
	return judge(&o, line, options, expect);
}

static const uint32_t edges[] = {
	0, 1, 0x7ff, 0xfff, 0x100000, 0xffffff, 0x1000000, 0x7fffffff,
	0x80000000, 0xbfffffff, 0xc0000000, 0xffbfffff, 0xffc00000, 0xffffffff,
};
#define EDGES (sizeof(edges) / sizeof(*edges))
#define HCALLS 20

/* Each argument at each edge, while the others are harmless; with page tables
 * and without.  SHUTDOWN's words are the Guest's, so it may say what it likes. */
static void every_hypercall(void)
{
	for (int nr = -1; nr <= HCALLS; nr++) {
		unsigned int before = launches;
		bool good = true;

		for (unsigned int i = 0; i < 4 * EDGES; i++) {
			uint32_t arg[4] = { 0x200000, 0x200000, 1, 1 };

			arg[i / EDGES] = edges[i % EDGES];
			good &= try("", nr == 2 ? "1 *" : "~ *",
				    "_hypercall %x %x %x %x %x %x", i % 2, nr,
				    arg[0], arg[1], arg[2], arg[3]);
		}
		result(good, "hypercall %d, %u ways", nr, launches - before);
	}
}

static void every_init(void)
{
	static const uint32_t places[] = {
		0, 1, 0x2d0, 0x1000, 0x2000, 0x10001, 0xfffa91, 0xfffa90,
		0x1000000, 0x1000800, 0x1003000, 0x1004000, 0x1005000,
	};
	bool good = true;

	for (unsigned int i = 0; i < sizeof(places) / sizeof(*places); i++)
		good &= try("", "~ *", "_init %x", places[i]);
	result(good, "lguest_data anywhere");
}

static void random_calls(void)
{
	bool good = true;

	for (unsigned int seed = 0; seed < 60; seed++)
		good &= try("", "~ *", "_random_calls %x", seed);
	result(good, "3,000 random hypercalls, 60 times");
}

/* For "make fuzz": other seeds each time; one that fails is in what's printed. */
static void random_calls_for(double seconds)
{
	unsigned int seed = getpid() * 1000u % 1000000;
	double end = now() + seconds;
	bool good = true;

	while (good && now() < end)
		good = try("", "~ *", "_random_calls %x", seed++);
	result(good, "random hypercalls");
}

/* Memory is bounded as for any other Guest. */
static void garbage(unsigned int eighths_of_gigabytes)
{
	result(try("", "0 ", "_garbage %x", eighths_of_gigabytes),
	       "%u MB of different code", eighths_of_gigabytes * 128);
}

static void four_gigabytes(void)
{
	seconds_at_most = SECONDS_FOR_GIGABYTES;
	garbage(32);
	seconds_at_most = SECONDS_AT_MOST;
}

static void every_descriptor(void)
{
	static const struct {
		uint64_t addr;
		uint32_t len;
	} bad[] = {
		{ 0x100a000, 1 }, { 0x1009fff, 2 }, { 0, 0x100a001 },
		{ 0x100000, 0x80000000 }, { 0x100000, 0xffffffff },
		{ 0xfffff000, 0x1000 }, { 0xffffffff, 1 }, { 0xffffffff, 2 },
		{ 0x100000000, 1 }, { 0x100100000, 16 },
		{ 0x8000000000000000, 16 }, { 0xffffffffffffffff, 1 },
		{ 0xffffffffffffffff, 2 }, { 0xffffffffffff0000, 0x20000 },
		{ 0xfffffffffff00000, 0xffffffff }, { 0x1100000, 16 },
		{ 0x110a000, 1 }, { 0xffffffff00100000, 16 },
	};

	for (unsigned int i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		result(try("--rng", "1 lguest: device 0 (rng): input queue: "
			   "buffer of * bytes at * is outside the Guest's "
			   "memory (limit 0x100a000)", "_descriptor %x %x %x",
			   (uint32_t)(bad[i].addr >> 32), (uint32_t)bad[i].addr,
			   bad[i].len),
		       "buffer of %u bytes at %#llx", bad[i].len,
		       (unsigned long long)bad[i].addr);
}

static void every_write_past_end(void)
{
	static const struct {
		uint64_t sector;
		uint32_t len;
	} bad[] = {
		{ 2048, 512 }, { 2047, 513 }, { 2047, 1024 }, { 0x7fffff, 1 },
		{ 2048, 1 }, { 1ull << 55, 512 }, { (1ull << 55) - 1, 1024 },
		{ 1ull << 54, 512 }, { 1ull << 63, 512 }, { ~0ull, 512 },
		{ ~0ull, 1024 }, { ~0ull - 1, 1024 }, { 1ull << 32, 512 },
	};

	for (unsigned int i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		result(try("--block=DISK", "1 lguest: device 0 (block *): "
			   "request queue: write past end: * bytes to sector *, "
			   "the disk has 2048", "_write_past_end %x %x %x",
			   (uint32_t)(bad[i].sector >> 32),
			   (uint32_t)bad[i].sector, bad[i].len),
		       "write of %u bytes to sector %llu", bad[i].len,
		       (unsigned long long)bad[i].sector);
}

static void races(void)
{
	static const char *const fields[] = { "address", "length", "next",
					      "flags", "ring" };
	bool good;

	for (unsigned int i = 0; i < sizeof(fields) / sizeof(*fields); i++) {
		good = true;
		for (unsigned int n = 0; n < 20; n++)
			good &= try("--rng", "? *", "race_%s", fields[i]);
		result(good, "a race for the %s, 20 times", fields[i]);
	}
}

static void clean_up(void)
{
	if (faulty)
		umount(in_dir("faulty"));
	umount(in_dir("small"));
}

static void all_tests(const struct hostile_case *cases, unsigned int num)
{
	for (unsigned int i = 0; i < num; i++)
		test_case(&cases[i]);
	every_descriptor();
	every_write_past_end();
	races();
	every_init();
	every_hypercall();
	random_calls();
	garbage(1);
	result(count_entries(dir) == 4u + 2 * isolated, "nothing was left behind");
}

int main(int argc, char *argv[])
{
	const struct hostile_case *cases;
	unsigned int num;

	if (argc < 4) {
		fprintf(stderr, "usage: run LGUEST IMAGE EMPTY-DIRECTORY [CASE]\n");
		return 2;
	}
	launcher = argv[1];
	image_path = argv[2];
	image = read_image();
	cases = find_cases(&num);
	dir = argv[3];
	signal(SIGPIPE, SIG_IGN);
	isolate();
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	write_disk();
	if (argc == 4)
		all_tests(cases, num);
	else if (strcmp(argv[4], "random") == 0 && argc > 5)
		random_calls_for(atof(argv[5]));
	else if (strcmp(argv[4], "gigabytes") == 0)
		four_gigabytes();
	for (unsigned int i = 0; argc > 4 && i < num; i++)
		if (fnmatch(argv[4], at_address(cases[i].name), 0) == 0)
			test_case(&cases[i]);
	clean_up();
	printf("1..%u\n", tests);
	/* A test's comments on stdout aren't shown, mostly. */
	fprintf(stderr, "# %u hostile Guests\n", launches);
	return 0;
}
