/*P:100 The Launcher asks, the Host answers: four system calls.
 *
 * The Launcher is an ordinary program.  It opens /dev/lguest (or calls the
 * built-in Host, which answers alike) and then there are only three things to
 * do with it:
 *
 *	write	tells the Host something: one of the requests below,
 *	read	runs the Guest until the Launcher is needed,
 *	close	ends it all.
 *
 * A request is an array of unsigned longs, whatever size those have in the
 * Launcher, and the first says which request it is.  The file offset of a read
 * or a write is the number of the virtual processor.  There's only one, so it
 * is 0 and has been for longer than anybody had patience to wait for a second.
 *
 * A read returns one unsigned long, the address that the Guest gave to
 * LHCALL_NOTIFY; or EINTR after a signal; or ERESTART when the Guest wants to
 * be started afresh; or ENOENT when it is dead, after which one more read
 * fetches its last words. */
#ifndef _LINUX_LGUEST_LAUNCHER_H
#define _LINUX_LGUEST_LAUNCHER_H

#include <linux/types.h>

enum lguest_req {
	LHREQ_INITIALIZE,	/* + base, pfnlimit, start */
	LHREQ_GETDMA,		/* Gone since 2.6.25: EINVAL */
	LHREQ_IRQ,		/* + interrupt number */
	LHREQ_BREAK,		/* No longer used: EINVAL */
	LHREQ_EVENTFD,		/* + address, file descriptor */
};
/*:*/

/*P:110 INITIALIZE comes first, and once.  "base" is where in the Launcher the
 * Guest's physical address 0 lies, "pfnlimit" the number of the first page the
 * Guest doesn't have, and "start" the first address it'll execute.
 *
 * IRQ raises one of the Guest's interrupt lines.  Any thread may do that; it is
 * how a device says that it has finished something.
 *
 * EVENTFD saves the Launcher from being woken for things which aren't its
 * business: once an address has an eventfd, notifying it only adds one to that,
 * and the Guest runs on while some service thread wakes up elsewhere. :*/

/*P:120 How does the Guest know which devices it has?  There's no PCI bus to
 * probe, and nobody has missed it.  The first page above the Guest's memory
 * holds one description after the other, packed without a gap:
 *
 *	struct lguest_device_desc	the five bytes below
 *	struct lguest_vqconfig		num_vq of them, one per virtqueue
 *	features offered		feature_len bytes
 *	features accepted		feature_len bytes, the Guest's answer
 *	configuration			config_len bytes, as the type needs
 *
 * A type of 0 ends the list; as memory starts out zero, it ends by itself.
 *
 * The Guest speaks of a device by writing its status byte and then notifying
 * the description's own address: status 0 asks for a reset, FAILED says that
 * the driver has given up, and anything else that the features are final and
 * the device may start. */
struct lguest_device_desc {
	__u8 type;		/* VIRTIO_ID_* */
	__u8 num_vq;
	__u8 feature_len;
	__u8 config_len;
	__u8 status;		/* VIRTIO_CONFIG_S_*, the Guest writes it */
	__u8 config[];
};
/*:*/

/*P:130 A virtqueue needs three numbers: how many descriptors it has, which
 * interrupt to raise for it, and where it is.  The last is a page number, and
 * that page's address is what the Guest notifies to say "there's work". */
struct lguest_vqconfig {
	__u16 num;
	__u16 irq;
	__u32 pfn;
};

/* The used ring starts on a page of its own. */
#define LGUEST_VRING_ALIGN	4096
/*:*/

#endif /* _LINUX_LGUEST_LAUNCHER_H */
