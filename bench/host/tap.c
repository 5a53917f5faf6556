/* A process at a tap, without a Guest: it answers, sends and counts just as
 * guest/bench.c does with "bench=net", and so it says how fast that could be.
 * One system call for a frame, as there's no other way to a tap. */
#define _GNU_SOURCE
#include <err.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <sys/ioctl.h>
#include <linux/if_tun.h>
#include "frame.h"

#define SMALL_FRAMES	60000
#define LARGE_FRAMES	12000
#define BEGINNING	20		/* frames, not somebody's ARP */
#define WINDOW_NS	250000000
/* So many of each go in turn, as a Guest wouldn't have all in one place. */
#define FRAMES		16

struct arp {
	struct arphdr header;
	uint8_t from_mac[ETH_ALEN], from[4], to_mac[ETH_ALEN], to[4];
} __attribute__((packed));

static uint8_t partner[ETH_ALEN];
static struct frame frame;
static int turns;

static long now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000 + now.tv_nsec;
}

static void set_address(struct ifreq *request)
{
	struct sockaddr_in *address = (void *)&request->ifr_addr;
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	address->sin_family = AF_INET;
	inet_pton(AF_INET, HERE, &address->sin_addr);
	if (fd < 0 || ioctl(fd, SIOCSIFADDR, request) < 0)
		err(1, "address of %s", request->ifr_name);
	inet_pton(AF_INET, "255.255.255.0", &address->sin_addr);
	if (ioctl(fd, SIOCSIFNETMASK, request) < 0)
		err(1, "netmask of %s", request->ifr_name);
	request->ifr_flags = IFF_UP | IFF_RUNNING;
	if (ioctl(fd, SIOCSIFFLAGS, request) < 0)
		err(1, "%s", request->ifr_name);
	close(fd);
}

static int open_tap(void)
{
	struct ifreq request = {
		.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR,
	};
	int fd = open("/dev/net/tun", O_RDWR);

	if (fd < 0 || ioctl(fd, TUNSETIFF, &request) < 0 ||
	    ioctl(fd, TUNSETOFFLOAD,
		  TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN) < 0)
		err(1, "/dev/net/tun");
	set_address(&request);
	return fd;
}

static void put_frame(int fd, const struct frame *out, size_t len)
{
	if (write(fd, out, len) < 0)
		err(1, "writing to the tap");
}

static void answer_arp(int fd, size_t len)
{
	struct arp *arp = (void *)&frame.ip;

	memcpy(partner, arp->from_mac, ETH_ALEN);
	arp->header.ar_op = htons(ARPOP_REPLY);
	memcpy(arp->to_mac, arp->from_mac, ETH_ALEN);
	memcpy(arp->to, arp->from, 4);
	memcpy(arp->from_mac, (uint8_t[]){ 2, 0, 0, 0, 0, 1 }, ETH_ALEN);
	inet_pton(AF_INET, THERE, arp->from);
	memcpy(frame.ethernet.h_dest, arp->to_mac, ETH_ALEN);
	memcpy(frame.ethernet.h_source, arp->from_mac, ETH_ALEN);
	put_frame(fd, &frame, len);
}

/* The sum is complete, or to be completed: either way it stays as it is. */
static void echo(int fd, size_t len)
{
	uint32_t from = frame.ip.saddr;
	uint8_t mac[ETH_ALEN];

	memcpy(mac, frame.ethernet.h_source, ETH_ALEN);
	memcpy(frame.ethernet.h_source, frame.ethernet.h_dest, ETH_ALEN);
	memcpy(frame.ethernet.h_dest, mac, ETH_ALEN);
	frame.ip.saddr = frame.ip.daddr;
	frame.ip.daddr = from;
	frame.udp.dest = frame.udp.source;
	frame.udp.source = htons(PORT_ECHO);
	frame.header.flags &= VIRTIO_NET_HDR_F_NEEDS_CSUM;
	put_frame(fd, &frame, len);
}

static void handle_udp(int fd, size_t len)
{
	if (frame.udp.dest == htons(PORT_ECHO))
		echo(fd, len);
	if (frame.udp.dest == htons(PORT_TURN))
		turns++;
}

/* How many bytes have come, after whatever there was to say to them. */
static size_t handle_frame(int fd)
{
	ssize_t len = read(fd, &frame, sizeof(frame));

	if (len < 0)
		err(1, "reading from the tap");
	if (frame.ethernet.h_proto == htons(ETH_P_ARP))
		answer_arp(fd, len);
	else if (frame.ethernet.h_proto == htons(ETH_P_IP) &&
		 frame.ip.protocol == IPPROTO_UDP)
		handle_udp(fd, len);
	return len - sizeof(frame.header);
}

static void wait_for_turn(int fd, int turn)
{
	while (turns < turn)
		handle_frame(fd);
}

static void partners_turn(int fd)
{
	static struct frame out;

	put_frame(fd, &out, fill_frame(&out, THERE, HERE, partner, PORT_TURN,
				      sizeof(out.ip) + sizeof(out.udp) + 1));
}

struct arrived {
	long frames, bytes, us;
};

/* Until there have been enough, when it's the partner's turn to stop. */
static struct arrived receive(int fd)
{
	struct arrived arrived = { .frames = 0 };
	long start, now;
	int i;

	for (i = 0; i < BEGINNING; i++)
		handle_frame(fd);
	start = now = now_ns();
	for (; now - start < WINDOW_NS; now = now_ns()) {
		arrived.bytes += handle_frame(fd);
		arrived.frames++;
	}
	arrived.us = (now - start) / 1000;
	partners_turn(fd);
	return arrived;
}

/* Returns microseconds. */
static long flood(int fd, int bytes, int count)
{
	static struct frame out[FRAMES];
	size_t len;
	long start;
	int i;

	for (i = 0; i < FRAMES; i++)
		len = fill_frame(&out[i], THERE, HERE, partner, PORT_NOBODY,
				 bytes);
	start = now_ns();
	for (i = 0; i < count; i++)
		put_frame(fd, &out[i % FRAMES], len);
	return (now_ns() - start) / 1000;
}

static void report(const char *name, long value)
{
	printf("%s value %ld\n", name, value);
}

/* With an argument it's enough to know that there could be a tap. */
int main(int argc, char *argv[])
{
	int fd = open_tap();
	struct arrived arrived;

	(void)argv;
	if (argc > 1)
		return 0;
	wait_for_turn(fd, 1);
	report("net_out_1500", SMALL_FRAMES * 1000000l /
				       flood(fd, SMALL, SMALL_FRAMES));
	report("net_out_gso", LARGE_FRAMES * (long)LARGE * 1000 /
				      flood(fd, LARGE, LARGE_FRAMES));
	partners_turn(fd);
	arrived = receive(fd);
	report("net_in_1500", arrived.frames * 1000000 / arrived.us);
	wait_for_turn(fd, 2);
	arrived = receive(fd);
	report("net_in_gso", arrived.bytes * 1000 / arrived.us);
	return 0;
}
