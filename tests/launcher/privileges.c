/* --chroot and --username: they take effect before the Guest runs, and a reboot
 * works in spite of them. */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <sys/stat.h>
#include "standin.h"

static bool has_status(pid_t pid, const char *expected)
{
	char path[64], line[256];
	bool found = false;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	file = fopen(path, "r");
	while (file && fgets(line, sizeof(line), file))
		found |= !strncmp(line, expected, strlen(expected));
	if (file)
		fclose(file);
	return found;
}

static bool is_chrooted(pid_t pid, const char *dir)
{
	char path[64], root[256] = "";

	snprintf(path, sizeof(path), "/proc/%d/root", pid);
	return readlink(path, root, sizeof(root) - 1) > 0 && !strcmp(root, dir);
}

static void both(void)
{
	static char zeroes[512];
	struct found rng, disk;
	const char *jail, *file;
	char told[280];
	struct run *r;

	if (geteuid()) {
		skip("needs root");
		return;
	}
	jail = path_of("jail");
	mkdir(jail, 0755);
	file = write_file("disk", zeroes, sizeof(zeroes));
	r = boot_with(0, "--chroot", jail, "--username", "nobody", "--rng",
		      "--block", file, "--verbose");
	for (unsigned int i = 1; i <= 10; i++) {
		check(has_status(r->init_pid, "Uid:\t65534\t65534\t65534\t65534"),
		      "life %u: all four uids", i);
		check(has_status(r->init_pid, "Gid:\t65534\t65534\t65534\t65534"),
		      "all four gids");
		check(has_status(r->init_pid, "CapEff:\t0000000000000000"),
		      "no capabilities");
		check(is_chrooted(r->init_pid, jail), "another root");
		find_device(r, 0, &rng);
		start_device(r, &rng, 0);
		chain(&rng.vq[0], { 0x10000, 16, true });
		kick(&rng.vq[0]);
		check(wait_used(&rng.vq[0], 1, NULL), "randomness without /dev");
		find_device(r, 1, &disk);
		start_device(r, &disk, 0);
		put(r, 0x10000, 8, 0);
		put(r, 0x10008, 8, 0);
		chain(&disk.vq[0], { 0x10000, 16, false }, { 0x20000, 512, true },
		      { 0x10100, 1, true });
		kick(&disk.vq[0]);
		check(wait_used(&disk.vq[0], 1, NULL), "and the disk");
		give_error(r, ERESTART);
		if (!check(wait_read(r), "reboot"))
			break;
	}
	snprintf(told, sizeof(told), "chroot to %s", jail);
	says(r, "chroot is told", told);
	says(r, "so is the user", "privileges dropped, now user nobody");
	kill(r->pid, SIGKILL);
	same("SIGKILL for the first", wait_end(r), 256 + SIGKILL);
	finish(r);
}

static void refused(const char *name, const char *option, const char *text)
{
	struct run *r = run_launcher(0, option, "64", make_kernel("vmlinux"));

	same(name, wait_end(r), 1);
	says(r, "says why", text);
	finish(r);
}

static void errors(void)
{
	refused("a user that isn't there", "--username=no-such-user",
		"lguest: --username=no-such-user: no such user\n");
	if (geteuid()) {
		refused("chroot without rights", "--chroot=/",
			"lguest: --chroot=/: Operation not permitted\n");
		refused("becoming root", "--username=root", "Operation not permitted\n");
	} else {
		refused("a directory that isn't there", "--chroot=/nonexistent",
			"lguest: --chroot=/nonexistent: No such file or directory\n");
		refused("a file", "--chroot=/etc/passwd",
			"lguest: --chroot=/etc/passwd: Not a directory\n");
	}
}

const struct test tests[] = {
	{ "both", both },
	{ "errors", errors },
	{ NULL, NULL },
};
