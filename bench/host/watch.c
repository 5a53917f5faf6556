/* Starts a Guest and looks at the clock:
 *
 *	watch NAME TEXT SECONDS COMMAND...
 *
 * How long until it says TEXT (NAME_text), and how much memory the Launcher has
 * taken then besides the Guest's own (NAME_memory, in KB), and how much of that
 * is translated code (NAME_code); how often anything
 * of it runs in so many SECONDS of peace after that (NAME_wakeups), and how
 * long from the beginning to the end (NAME_exit; only if there's no TEXT, as
 * otherwise we are what it waits for).  Last words of "tsc=" and sixteen digits
 * are what the processor's clock said to the Guest's first instruction
 * (NAME_first).  What has no end of its own gets "poweroff" to read. */
#define _GNU_SOURCE
#include <dirent.h>
#include <err.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <linux/kcmp.h>
#include <x86intrin.h>

#define MOST_PROCESSES	100

static char heard[65536];
static size_t heard_bytes;

static long now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000 + now.tv_nsec;
}

/* Reads what's there, remembers the latest of it: 0 at the end. */
static int listen_to(int fd)
{
	ssize_t len;

	if (heard_bytes > sizeof(heard) / 2) {
		memmove(heard, heard + sizeof(heard) / 4,
			heard_bytes -= sizeof(heard) / 4);
		heard[heard_bytes] = '\0';
	}
	len = read(fd, heard + heard_bytes, sizeof(heard) - heard_bytes - 1);
	if (len <= 0)
		return 0;
	heard_bytes += len;
	heard[heard_bytes] = '\0';
	return 1;
}

/* A command with a process group of its own, both ends of its standard input
 * and output. */
static pid_t start(char *argv[], int *to, int *from)
{
	int in[2], out[2];
	pid_t child;

	if (pipe(in) < 0 || pipe(out) < 0)
		err(1, "pipe");
	child = fork();
	if (child < 0)
		err(1, "fork");
	if (!child) {
		setpgid(0, 0);
		dup2(in[0], 0);
		dup2(out[1], 1);
		dup2(out[1], 2);
		close(in[0]), close(in[1]), close(out[0]), close(out[1]);
		execvp(argv[0], argv);
		err(127, "%s", argv[0]);
	}
	close(in[0]);
	close(out[1]);
	*to = in[1];
	*from = out[0];
	return child;
}

/* Calls fn for each process of that group. */
static void for_each_process(pid_t group, void (*fn)(pid_t pid, void *arg),
			     void *arg)
{
	DIR *proc = opendir("/proc");
	struct dirent *entry;

	while ((entry = readdir(proc)) != NULL) {
		pid_t pid = atoi(entry->d_name);

		if (pid > 0 && getpgid(pid) == group)
			fn(pid, arg);
	}
	closedir(proc);
}

static FILE *open_proc(pid_t pid, const char *name)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	return fopen(path, "r");
}

/* The sum of a file's lines "NAME: number". */
static long sum_of(pid_t pid, const char *file, const char *name)
{
	FILE *lines = open_proc(pid, file);
	char line[512];
	long sum = 0;

	while (lines && fgets(line, sizeof(line), lines))
		if (strncmp(line, name, strlen(name)) == 0)
			sum += atol(line + strlen(name));
	if (lines)
		fclose(lines);
	return sum;
}

static void add_wakeups(pid_t pid, void *arg)
{
	*(long *)arg += sum_of(pid, "status", "voluntary_ctxt_switches:") +
			sum_of(pid, "status", "nonvoluntary_ctxt_switches:");
}

/* If a line of smaps begins a mapping of shared anonymous memory, which one that
 * is (its inode); 0 for any other mapping, -1 for other lines. */
static long shared_mapping(const char *line, char flags[5])
{
	long inode;

	if (sscanf(line, "%*x-%*x %4s %*x %*x:%*x %ld", flags, &inode) != 2)
		return -1;
	return strstr(line, "/dev/zero (deleted)") ? inode : 0;
}

/* Translated code is the only such memory that can be executed. */
static long code_inode(pid_t pid)
{
	FILE *lines = open_proc(pid, "smaps");
	char line[512], flags[5];
	long code = -1;

	while (lines && fgets(line, sizeof(line), lines)) {
		long inode = shared_mapping(line, flags);

		if (inode > 0 && flags[2] == 'x')
			code = inode;
	}
	if (lines)
		fclose(lines);
	return code;
}

struct memory {
	long code, all;		/* KB */
};

/* The rest of it is the Guest's, and the windows show the same pages again.
 * Everything else is ours, and so are the page tables of both. */
static void add_memory_of(pid_t pid, struct memory *memory)
{
	long code = code_inode(pid), inode, current = 0;
	FILE *lines = open_proc(pid, "smaps");
	char line[512], flags[5];

	memory->all += sum_of(pid, "status", "VmPTE:");
	while (lines && fgets(line, sizeof(line), lines)) {
		inode = shared_mapping(line, flags);
		if (inode >= 0)
			current = inode;
		if (strncmp(line, "Pss:", 4) != 0)
			continue;
		if (current == 0 || current == code)
			memory->all += atol(line + 4);
		if (current == code)
			memory->code += atol(line + 4);
	}
	if (lines)
		fclose(lines);
}

struct processes {
	pid_t pid[MOST_PROCESSES];
	int count;
	struct memory memory;
};

/* Several processes may share one memory, which counts once. */
static void add_memory(pid_t pid, void *arg)
{
	struct processes *known = arg;
	int i;

	for (i = 0; i < known->count; i++)
		if (syscall(SYS_kcmp, pid, known->pid[i], KCMP_VM, 0, 0) == 0)
			return;
	if (known->count == MOST_PROCESSES)
		return;
	known->pid[known->count++] = pid;
	add_memory_of(pid, &known->memory);
}

static void report(const char *name, const char *what, long value)
{
	printf("%s_%s value %ld\n", name, what, value);
}

static void look_at(const char *name, pid_t group, double seconds)
{
	struct processes processes = { .count = 0 };
	long before = 0, after = 0;

	for_each_process(group, add_memory, &processes);
	report(name, "memory", processes.memory.all);
	report(name, "code", processes.memory.code);
	if (seconds == 0)
		return;
	usleep(200000);
	for_each_process(group, add_wakeups, &before);
	usleep(seconds * 1000000);
	for_each_process(group, add_wakeups, &after);
	report(name, "wakeups", after - before);
}

/* Ticks of the processor's clock in a millisecond, near enough. */
static double ticks_per_ns(void)
{
	long start = now_ns(), ticks = __rdtsc();

	usleep(20000);
	return (double)(__rdtsc() - ticks) / (now_ns() - start);
}

static void report_first(const char *name, unsigned long ticks)
{
	const char *tsc = strstr(heard, "tsc=");

	if (tsc)
		report(name, "first", (strtoul(tsc + 4, NULL, 16) - ticks) /
				      ticks_per_ns());
}

int main(int argc, char *argv[])
{
	const char *name = argv[1], *text = argv[2];
	unsigned long ticks;
	int to, from, said = 0, status;
	long start_ns;
	pid_t child;

	if (argc < 5)
		errx(1, "usage: watch NAME TEXT SECONDS COMMAND...");
	signal(SIGPIPE, SIG_IGN);
	start_ns = now_ns();
	ticks = __rdtsc();
	child = start(argv + 4, &to, &from);
	while (listen_to(from)) {
		if (!*text || said || !strstr(heard, text))
			continue;
		said = 1;
		report(name, "text", now_ns() - start_ns);
		look_at(name, child, atof(argv[3]));
		dprintf(to, "poweroff\n");
	}
	waitpid(child, &status, 0);
	if (!*text)
		report(name, "exit", now_ns() - start_ns);
	report_first(name, ticks);
	return *text && !said;
}
