/*D:010 What the drivers' rooms know of each other; puppy.h has what the rest of
 * the kernel may know of them.
 *
 * Two layers.  The bus (bus.c) knows which devices there are, and virtqueues
 * (virtqueue.c) are the only way to talk to any of them.  On top stand the
 * drivers, one file each, none of which knows another. */
#ifndef GUEST_DRIVERS_H
#define GUEST_DRIVERS_H

#include <linux/lguest_launcher.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_config.h>
#include "puppy.h"

#define bit(n)	(1u << (n))

/* A device on the bus, for ever: devices don't come and go. */
struct device {
	struct lguest_device_desc *desc;
	u32 address;		/* of *desc: what to notify about its status */
	u32 features;		/* offered by the Launcher and wanted by us */
	unsigned int number;	/* among those of its type, from 0 */
};

/* Config bytes from @offset on; all zero where the device has none. */
void device_config(const struct device *device, unsigned int offset,
		   void *to, size_t len);
/* The device's virtqueue number @index; @called (from the interrupt, with
 * interrupts off) when the Launcher has finished something.  NULL if the
 * device has no such queue. */
struct virtqueue *device_queue(const struct device *device, unsigned int index,
			       void (*called)(void *arg), void *arg);
/*:*/

/*D:012 What drivers do with a virtqueue: add buffers (a few pieces of memory,
 * first those that the device reads, then those that it writes), kick, and
 * take back what the device has finished with.
 *
 * None of these sleeps.  All want interrupts off, or a caller who is alone
 * with his queue.  Pieces lie in the kernel's linear mapping and must stay
 * where they are until they come back. */
struct piece {
	void *data;
	u32 len;
};

/* The most pieces that one buffer may have. */
#define MAX_PIECES	20

struct virtqueue;

/* @owner (not NULL) is what vq_take() will return for it.  False: no room. */
bool vq_add(struct virtqueue *vq, const struct piece *pieces,
	    unsigned int out, unsigned int in, void *owner);
/* Tells the device of everything added since the last kick. */
void vq_kick(struct virtqueue *vq);
/* A finished buffer's owner, and how many bytes the device wrote; or NULL. */
void *vq_take(struct virtqueue *vq, u32 *written);
/* No interrupts, please; and: interrupts again.  The latter is false if
 * something has been finished meanwhile, for which there'll be no interrupt. */
void vq_quiet(struct virtqueue *vq);
bool vq_listen(struct virtqueue *vq);
/* How many buffers of that many pieces it holds. */
unsigned int vq_room(const struct virtqueue *vq, unsigned int pieces);
/* At the vring inside the device's memory.  For the bus alone. */
struct virtqueue *vq_create(const struct lguest_vqconfig *config,
			    u32 features);
/*:*/

/*D:014 Drivers, as the bus sees them: which devices they're for, which features
 * they understand, and what to call for each.  probe() is false if it can't use
 * the device after all. */
struct driver {
	u8 type;
	const char *name;
	u32 features;
	bool (*probe)(const struct device *device);
};

extern const struct driver console_driver, net_driver, block_driver, rng_driver;
/*:*/

/*D:018 Disks.  A request belongs to its caller, who fills in the first five
 * fields, queues as many as he likes, kicks once, and then waits for each.
 * What a byte count must be: a multiple of 512 for reads and writes, the room
 * for an identification (20), and 0 for a flush. */
struct block_request {
	unsigned int disk;	/* from 0 */
	u32 type;		/* VIRTIO_BLK_T_* */
	u64 sector;		/* of 512 bytes */
	void *data;		/* in the linear mapping */
	u32 bytes;

	/* The driver's. */
	struct {
		u32 type;
		u32 priority;
		u64 sector;
	} header;
	u8 status;		/* VIRTIO_BLK_S_*, once it's done */
	bool done;
};

/* How many requests fit in a disk's queue at once; more just wait. */
#define BLOCK_DEPTH	64

unsigned int block_disks(void);
void block_queue(struct block_request *request);
void block_kick(unsigned int disk);
/* True if it worked; or see ->status. */
bool block_wait(struct block_request *request);
/*:*/

/*D:020 The network: what the shell and the self-test may ask of it.  Addresses
 * are in the order in which people write them, 192.168.19.2 = 0xc0a81302. */
struct net_counts {
	u64 frames_in, bytes_in, frames_out, bytes_out;
	u64 sunk_packets, sunk_bytes;	/* UDP port 9 */
	u32 dropped;
};

unsigned int net_cards(void);
u32 net_address(unsigned int card);
const u8 *net_mac(unsigned int card);
struct net_counts net_counts(unsigned int card);
/* One echo request: true and the time in nanoseconds, or false after @ns. */
bool net_ping(u32 address, u64 ns, u64 *took);
/* UDP datagrams of @bytes each to a port, as fast as they go: how many went. */
u32 net_flood(u32 address, u16 port, u32 bytes, u32 count);
/* Frames of 64 KB of TCP, or what looks like it: how many bytes of data went,
 * 0 if the Launcher takes no such frames. */
u64 net_flood_large(u32 address, u16 port, u32 count);
bool parse_address(const char *text, u32 *address);
/*:*/

#endif /* GUEST_DRIVERS_H */
