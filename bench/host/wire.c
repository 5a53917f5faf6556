/* The other end of the wire, for a Guest with "bench=net" and for tap.c, which
 * behaves like one.  First we measure how long it takes until what we say comes
 * back.  Then it's the other's turn to send; after that we do, small frames as
 * fast as they go and then large ones, until told that there have been enough.
 * Whoever receives counts.
 *
 * "Your turn" is a datagram, in either direction.  (It was silence once, of a
 * quarter of a second.  A busy machine can be silent for longer than that.) */
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <net/if.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
#include <sys/socket.h>
#include <linux/if_packet.h>
#include "frame.h"

#define TRIPS		2000
#define PATIENCE_MS	10000
/* Between two looks whether that's enough. */
#define FRAMES_AT_ONCE	32

static long now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000 + now.tv_nsec;
}

static int smaller(const void *a, const void *b)
{
	long x = *(const long *)a, y = *(const long *)b;

	return (x > y) - (x < y);
}

static void wait_a_little(void)
{
	static int waited;

	usleep(10000);
	if (++waited > PATIENCE_MS / 10)
		errx(1, "%s does not answer", THERE);
}

static struct sockaddr_in address(const char *text, int port)
{
	struct sockaddr_in in = {
		.sin_family = AF_INET,
		.sin_port = htons(port),
	};

	inet_pton(AF_INET, text, &in.sin_addr);
	return in;
}

static int udp_socket(int ms)
{
	struct timeval patience = { ms / 1000, ms % 1000 * 1000 };
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	if (fd < 0)
		err(1, "socket");
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	return fd;
}

/* There may be no network yet. */
static int udp_to(int port)
{
	struct sockaddr_in to = address(THERE, port);
	int fd = udp_socket(50);

	while (connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0)
		wait_a_little();
	return fd;
}

static int trip(int fd)
{
	char text[64] = "";

	return send(fd, text, sizeof(text), 0) == sizeof(text) &&
	       recv(fd, text, sizeof(text), 0) == sizeof(text);
}

static void round_trips(int fd)
{
	static long took[TRIPS];
	long start;
	int i;

	while (!trip(fd))
		wait_a_little();
	for (i = 0; i < TRIPS; i++) {
		start = now_ns();
		if (!trip(fd))
			errx(1, "%s does not answer any more", THERE);
		took[i] = now_ns() - start;
	}
	qsort(took, TRIPS, sizeof(*took), smaller);
	printf("net_round_trip value %ld\n", took[TRIPS / 2]);
}

/* Once an answer comes nothing is in the way any more, and the other's turn
 * can't get lost. */
static void your_turn(int echo)
{
	int fd = udp_to(PORT_TURN);

	while (!trip(echo))
		wait_a_little();
	if (send(fd, "", 1, 0) != 1)
		err(1, "the other's turn");
	close(fd);
}

static int listen_for_turns(void)
{
	struct sockaddr_in here = address("0.0.0.0", PORT_TURN);
	int fd = udp_socket(PATIENCE_MS);

	if (bind(fd, (struct sockaddr *)&here, sizeof(here)) < 0)
		err(1, "port %d", PORT_TURN);
	return fd;
}

static int is_my_turn(int fd, int flags)
{
	char byte;

	return recv(fd, &byte, 1, flags) == 1;
}

/* To the only interface that there is. */
static int raw_socket(void)
{
	struct sockaddr_ll to = { .sll_family = AF_PACKET };
	struct if_nameindex *all = if_nameindex(), *one = all;
	int fd = socket(AF_PACKET, SOCK_RAW, 0), on = 1;

	while (one->if_index && strncmp(one->if_name, "tap", 3) != 0)
		one++;
	to.sll_ifindex = one->if_index;
	if (fd < 0 || bind(fd, (struct sockaddr *)&to, sizeof(to)) < 0 ||
	    setsockopt(fd, SOL_PACKET, PACKET_VNET_HDR, &on, sizeof(on)) < 0)
		err(1, "packet socket");
	if_freenameindex(all);
	return fd;
}

/* Nobody at the other end minds to whom it is addressed. */
static void blast(int fd, int bytes, int turns)
{
	static const uint8_t somebody[ETH_ALEN] = { 2 };
	static struct frame frame;
	size_t len = fill_frame(&frame, HERE, THERE, somebody, PORT_NOBODY, bytes);
	long end = now_ns() + PATIENCE_MS * 1000000l;
	int i;

	while (!is_my_turn(turns, MSG_DONTWAIT)) {
		if (now_ns() > end)
			errx(1, "%s never has enough", THERE);
		for (i = 0; i < FRAMES_AT_ONCE; i++) {
			if (send(fd, &frame, len, 0) >= 0)
				continue;
			if (errno != ENOBUFS && errno != EAGAIN)
				err(1, "sending %d bytes", bytes);
			usleep(10);
		}
	}
}

int main(void)
{
	int echo = udp_to(PORT_ECHO), turns = listen_for_turns(), fd;

	round_trips(echo);
	your_turn(echo);
	if (!is_my_turn(turns, 0))
		errx(1, "%s does not come to an end", THERE);
	fd = raw_socket();
	blast(fd, SMALL, turns);
	your_turn(echo);
	blast(fd, LARGE, turns);
	return 0;
}
