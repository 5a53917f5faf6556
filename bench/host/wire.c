/* The other end of the wire, for a Guest with "bench=net" and for tap.c, which
 * behaves like one: first we measure how long it takes until what we say comes
 * back.  Then it's the other's turn, twice, and when that has been silent for a
 * while, ours: small frames and large ones, as fast as they go.  Whoever
 * receives counts. */
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
#include <sys/socket.h>
#include <linux/if_link.h>
#include <linux/if_packet.h>
#include "frame.h"

#define TRIPS		2000
#define SILENCE_MS	250
#define BLAST_NS	300000000
#define PATIENCE_MS	10000

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

static int udp_to_port_7(void)
{
	struct sockaddr_in to = {
		.sin_family = AF_INET,
		.sin_port = htons(7),
	};
	struct timeval patience = { .tv_usec = 50000 };
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	inet_pton(AF_INET, THERE, &to.sin_addr);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	if (fd < 0)
		err(1, "socket");
	/* There may be no network yet. */
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

static void round_trips(void)
{
	static long took[TRIPS];
	int fd = udp_to_port_7(), i;
	long start;

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
	close(fd);
}

/* How many frames have come in through the only interface that there is. */
static unsigned long received(char name[IF_NAMESIZE])
{
	struct ifaddrs *all, *one;
	unsigned long packets = 0;

	if (getifaddrs(&all) < 0)
		err(1, "getifaddrs");
	for (one = all; one; one = one->ifa_next) {
		struct rtnl_link_stats *stats = one->ifa_data;

		if (!one->ifa_addr || one->ifa_addr->sa_family != AF_PACKET ||
		    (one->ifa_flags & IFF_LOOPBACK))
			continue;
		packets = stats->rx_packets;
		snprintf(name, IF_NAMESIZE, "%s", one->ifa_name);
	}
	freeifaddrs(all);
	return packets;
}

static void listen_until_silence(void)
{
	char name[IF_NAMESIZE];
	unsigned long begin = received(name) + 20, last = begin;
	int quiet = 0, waited = 0;

	while (received(name) < begin) {
		usleep(1000);
		if (++waited > PATIENCE_MS)
			errx(1, "%s sends nothing", THERE);
	}
	while (quiet++ < SILENCE_MS) {
		unsigned long now = received(name);

		if (now != last)
			quiet = 0;
		last = now;
		usleep(1000);
	}
}

static int raw_socket(void)
{
	struct sockaddr_ll to = { .sll_family = AF_PACKET };
	int fd = socket(AF_PACKET, SOCK_RAW, 0), on = 1;
	char name[IF_NAMESIZE];

	received(name);
	to.sll_ifindex = if_nametoindex(name);
	if (fd < 0 || bind(fd, (struct sockaddr *)&to, sizeof(to)) < 0 ||
	    setsockopt(fd, SOL_PACKET, PACKET_VNET_HDR, &on, sizeof(on)) < 0)
		err(1, "packet socket");
	return fd;
}

/* Nobody at the other end minds to whom it is addressed. */
static void blast(int fd, int bytes)
{
	static const uint8_t somebody[ETH_ALEN] = { 2 };
	static struct frame frame;
	size_t len = fill_frame(&frame, HERE, THERE, somebody, bytes);
	long end = now_ns() + BLAST_NS;

	while (now_ns() < end) {
		if (send(fd, &frame, len, 0) >= 0)
			continue;
		if (errno != ENOBUFS && errno != EAGAIN)
			err(1, "sending %d bytes", bytes);
		usleep(10);
	}
	usleep(2 * SILENCE_MS * 1000);
}

int main(void)
{
	int fd;

	round_trips();
	listen_until_silence();
	listen_until_silence();
	fd = raw_socket();
	blast(fd, SMALL);
	blast(fd, LARGE);
	return 0;
}
