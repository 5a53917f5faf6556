/* What a Guest was told to be safe on its disk is there, whenever and however its
 * Launcher is killed.  Usage: kill LGUEST IMAGE [TIMES].  TAP.
 *
 * The Guest writes records of one sector, numbered from 1, round and round; after
 * four it flushes, and when that's acknowledged it prints the number.  So in the
 * end the disk must hold that number and the 2047 before it, or later ones in
 * their places. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#define SECTOR 512
#define SECTORS 2048u

static const char *launcher, *image, *disk;

static void die(const char *what)
{
	printf("Bail out! %s: %s\n", what, strerror(errno));
	exit(1);
}

static pid_t start(int *out)
{
	char option[280];
	int ends[2];
	pid_t pid;

	snprintf(option, sizeof(option), "--block=%s", disk);
	if (pipe2(ends, O_CLOEXEC))
		die("pipe");
	pid = fork();
	if (pid < 0)
		die("fork");
	if (!pid) {
		dup2(ends[1], STDOUT_FILENO);
		dup2(open("/dev/null", O_WRONLY), STDERR_FILENO);
		execl(launcher, launcher, option, "16", image, "_log", NULL);
		_exit(127);
	}
	close(ends[1]);
	*out = ends[0];
	return pid;
}

/* @depth 0: the first process, 1: the one with the Guest, 2: a service thread. */
static pid_t descendant(pid_t pid, int depth)
{
	while (depth--) {
		char path[64];
		FILE *file;

		snprintf(path, sizeof(path), "/proc/%d/task/%d/children", pid,
			 pid);
		file = fopen(path, "r");
		if (!file || fscanf(file, "%d", &pid) != 1)
			pid = 0;
		if (file)
			fclose(file);
		if (!pid)
			return 0;
	}
	return pid;
}

/* The last that it could say. */
static unsigned int last_number(int out, pid_t victim)
{
	static char text[1 << 20];
	size_t len = 0, line;
	ssize_t got;

	kill(victim, SIGKILL);
	while ((got = read(out, text + len, sizeof(text) - len)) > 0)
		len += got;
	line = len / 9;
	return line ? strtoul(text + (line - 1) * 9, NULL, 16) : 0;
}

static bool all_there(unsigned int last)
{
	static uint32_t record[SECTORS][SECTOR / 4];
	int fd = open(disk, O_RDONLY);

	if (read(fd, record, sizeof(record)) != sizeof(record))
		die(disk);
	close(fd);
	for (unsigned int n = last; n && n + SECTORS > last; n--) {
		uint32_t is = record[n % SECTORS][0];

		if (is < n || (is - n) % SECTORS) {
			printf("# record %u is %u, %u was acknowledged\n", n,
			       is, last);
			return false;
		}
	}
	return true;
}

static void wait_for_all(void)
{
	int tries = 2000;

	while (waitpid(-1, NULL, WNOHANG | __WALL) >= 0 || errno != ECHILD) {
		if (!tries--) {
			printf("# processes are left\n");
			exit(1);
		}
		usleep(1000);
	}
}

int main(int argc, char *argv[])
{
	unsigned int times = argc > 4 ? atoi(argv[4]) : 200, acknowledged = 0;
	unsigned int told = 0;
	bool good = true;
	int out;

	launcher = argv[1];
	image = argv[2];
	disk = argv[3];
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	srandom(1);
	for (unsigned int i = 0; i < times && good; i++) {
		pid_t pid = start(&out), victim;
		unsigned int last;

		if (i % 4)
			poll(&(struct pollfd){ out, POLLIN, 0 }, 1, 5000);
		usleep(random() % 20000);
		victim = descendant(pid, i % 3);
		last = last_number(out, victim ? victim : pid);
		close(out);
		wait_for_all();
		good = all_there(last);
		acknowledged += last;
		told += last > 0;
	}
	printf("%sok 1 - %u kills, %u records acknowledged, none missing\n",
	       good ? "" : "not ", times, acknowledged);
	printf("%sok 2 - most of them had something to lose\n",
	       told > times / 2 ? "" : "not ");
	printf("1..2\n");
	return 0;
}
