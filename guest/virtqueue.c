#include <linux/virtio_ring.h>
#include "drivers.h"

/*D:100 Virtqueues: how a Guest and a Launcher share work without shaking
 * hands.
 *
 * Imagine two people who pass parcels across a table that both can reach.  One
 * may only put slips of paper on the left pile, the other only on the right
 * pile, and each pile has a number on it that says how many slips have been
 * put there since the beginning of time.  Neither ever touches the other's
 * pile, so neither ever needs a lock.
 *
 * The table is a "vring", and has three parts:
 *
 *   descriptors	Where in memory a parcel lies, how long it is, whether
 *			the other side may write it, and which descriptor comes
 *			next if the parcel has more than one piece.
 *   available ring	Ours: heads of descriptor chains for the Launcher, and
 *			a count.
 *   used ring		The Launcher's: heads it has finished with, how many
 *			bytes it wrote into each, and a count.
 *
 * What makes it fast is what doesn't happen.  Adding ten buffers takes one
 * kick, and none at all if the Launcher has set a flag to say it's looking
 * anyway.  Finishing ten takes one interrupt, or none if we've said likewise.
 */

/* The Launcher's queues have 256 descriptors; more than that we can't use. */
#define MAX_DESCRIPTORS	256
/* One for every interrupt line there is. */
#define MAX_QUEUES	LGUEST_IRQS

/* Indirect tables are carved out of pages, a few in each. */
#define TABLE_ENTRIES	32
#define TABLE_BYTES	(TABLE_ENTRIES * sizeof(struct vring_desc))
#define TABLES_PER_PAGE	(PAGE_SIZE / TABLE_BYTES)

struct virtqueue {
	struct vring ring;
	u32 address;		/* physical, of the ring: what to notify */
	bool indirect;

	u16 free;		/* first of the chain of free descriptors */
	u16 free_count;
	u16 added;		/* available ring's count, before it's public */
	u16 seen;		/* how far in the used ring we've come */

	void *owner[MAX_DESCRIPTORS];
	struct vring_desc *tables[MAX_DESCRIPTORS / TABLES_PER_PAGE];
};

static struct virtqueue queues[MAX_QUEUES];
static unsigned int queues_used;
/*:*/

/*D:110 At first all descriptors are free, and chained to each other so that
 * taking one is taking the first.  The memory itself is the Launcher's: it lies
 * above the end of our RAM, where only map_physical() finds it. */
static void chain_free_descriptors(struct virtqueue *vq)
{
	unsigned int i;

	for (i = 0; i < vq->ring.num; i++)
		vq->ring.desc[i].next = i + 1;
	vq->free = 0;
	vq->free_count = vq->ring.num;
}

static void *map_ring(const struct lguest_vqconfig *config)
{
	u32 bytes = vring_size(config->num, LGUEST_VRING_ALIGN);

	return map_physical(config->pfn << PAGE_SHIFT,
			    ALIGN_UP(bytes, PAGE_SIZE) >> PAGE_SHIFT);
}

struct virtqueue *vq_create(const struct lguest_vqconfig *config, u32 features)
{
	struct virtqueue *vq = &queues[queues_used];

	if (queues_used == MAX_QUEUES || config->num == 0 ||
	    config->num > MAX_DESCRIPTORS || config->num & (config->num - 1))
		return NULL;
	queues_used++;
	vring_init(&vq->ring, config->num, map_ring(config),
		   LGUEST_VRING_ALIGN);
	vq->address = config->pfn << PAGE_SHIFT;
	vq->indirect = features & bit(VIRTIO_RING_F_INDIRECT_DESC);
	chain_free_descriptors(vq);
	return vq;
}
/*:*/

/*D:120 A buffer of many pieces would use up descriptors quickly.  If the device
 * can do it, such a buffer takes just one, which says "look over there": at a
 * table of descriptors in ordinary memory.  Each head has a table of its own,
 * made when it's first needed; without memory for that, we do without. */
static struct vring_desc *indirect_table(struct virtqueue *vq, u16 head)
{
	struct vring_desc **page = &vq->tables[head / TABLES_PER_PAGE];

	if (!*page)
		*page = alloc_page();
	if (!*page)
		return NULL;
	return *page + head % TABLES_PER_PAGE * TABLE_ENTRIES;
}

static void describe(struct vring_desc *desc, const void *data, u32 len,
		     u16 flags)
{
	desc->addr = pa(data);
	desc->len = len;
	desc->flags = flags;
}

/* A piece of the list: is there another after it, and who writes it? */
static u16 piece_flags(unsigned int i, unsigned int out, unsigned int count)
{
	return (i + 1 < count ? VRING_DESC_F_NEXT : 0) |
	       (i >= out ? VRING_DESC_F_WRITE : 0);
}

static void fill_table(struct vring_desc *table, const struct piece *pieces,
		       unsigned int out, unsigned int count)
{
	unsigned int i;

	for (i = 0; i < count; i++) {
		describe(&table[i], pieces[i].data, pieces[i].len,
			 piece_flags(i, out, count));
		table[i].next = i + 1;
	}
}

static void take_one_descriptor(struct virtqueue *vq, struct vring_desc *table,
				unsigned int count)
{
	struct vring_desc *desc = &vq->ring.desc[vq->free];

	describe(desc, table, count * sizeof(*table), VRING_DESC_F_INDIRECT);
	vq->free = desc->next;
	vq->free_count--;
}

static void take_descriptors(struct virtqueue *vq, const struct piece *pieces,
			     unsigned int out, unsigned int count)
{
	unsigned int i;

	for (i = 0; i < count; i++) {
		struct vring_desc *desc = &vq->ring.desc[vq->free];

		describe(desc, pieces[i].data, pieces[i].len,
			 piece_flags(i, out, count));
		vq->free = desc->next;
	}
	vq->free_count -= count;
}
/*:*/

/*D:130 Adding: the head's number goes into our ring, but the count that makes
 * it public waits for the kick.  Were it public at once, the Launcher would
 * start on a batch while we are still at it, go back to sleep between two of
 * ours, and have to be woken for each. */
static void make_available(struct virtqueue *vq, u16 head, void *owner)
{
	vq->owner[head] = owner;
	vq->ring.avail->ring[vq->added++ & (vq->ring.num - 1)] = head;
}

bool vq_add(struct virtqueue *vq, const struct piece *pieces,
	    unsigned int out, unsigned int in, void *owner)
{
	unsigned int count = out + in;
	u16 head = vq->free;
	struct vring_desc *table = NULL;

	if (vq->free_count == 0)
		return false;
	if (vq->indirect && count > 1)
		table = indirect_table(vq, head);
	if (table) {
		fill_table(table, pieces, out, count);
		take_one_descriptor(vq, table, count);
	} else if (count <= vq->free_count) {
		take_descriptors(vq, pieces, out, count);
	} else {
		return false;
	}
	make_available(vq, head, owner);
	return true;
}

unsigned int vq_room(const struct virtqueue *vq, unsigned int pieces)
{
	return vq->ring.num / (vq->indirect ? 1 : pieces);
}
/*:*/

/*D:140 The kick.  The order matters, and the other side is another processor:
 * first everything that describes the buffers, then the count; then, and not
 * before, look whether the Launcher wants to be told.  The Launcher, going to
 * sleep, clears its flag first and looks at the count afterwards, so that
 * whichever of us is late, one sees the other.  Between the store and the load
 * stands a full barrier, since that's the one pair which an x86 may turn
 * round. */
void vq_kick(struct virtqueue *vq)
{
	struct vring_avail *avail = vq->ring.avail;

	if (avail->idx == vq->added)
		return;
	__atomic_store_n(&avail->idx, vq->added, __ATOMIC_RELEASE);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (!(__atomic_load_n(&vq->ring.used->flags, __ATOMIC_RELAXED) &
	      VRING_USED_F_NO_NOTIFY))
		hcall(LHCALL_NOTIFY, vq->address, 0, 0, 0);
}
/*:*/

/*D:150 Taking back.  The Launcher is on our side, but it's a program and may
 * have bugs: a head that we never gave it would send us through memory that
 * isn't a buffer.  There's no way to go on from there, so we stop and say so.
 */
static void free_descriptors(struct virtqueue *vq, u16 head)
{
	struct vring_desc *desc = &vq->ring.desc[head];

	vq->free_count++;
	while (desc->flags & VRING_DESC_F_NEXT) {
		desc = &vq->ring.desc[desc->next];
		vq->free_count++;
	}
	desc->next = vq->free;
	vq->free = head;
}

static bool anything_used(const struct virtqueue *vq)
{
	return __atomic_load_n(&vq->ring.used->idx, __ATOMIC_ACQUIRE) !=
	       vq->seen;
}

void *vq_take(struct virtqueue *vq, u32 *written)
{
	struct vring_used_elem *used;
	void *owner;
	u32 head;

	if (!anything_used(vq))
		return NULL;
	used = &vq->ring.used->ring[vq->seen & (vq->ring.num - 1)];
	head = used->id;
	if (head >= vq->ring.num || !vq->owner[head])
		panic("virtqueue at %x: buffer %u isn't in use",
		      vq->address, head);
	owner = vq->owner[head];
	vq->owner[head] = NULL;
	*written = used->len;
	free_descriptors(vq, head);
	vq->seen++;
	return owner;
}
/*:*/

/*D:160 A driver that's busy emptying its queue needs no interrupts about there
 * being something in it.  Asking for them again is the same dance as the kick,
 * with the parts exchanged: flag first, barrier, then look. */
void vq_quiet(struct virtqueue *vq)
{
	__atomic_store_n(&vq->ring.avail->flags, VRING_AVAIL_F_NO_INTERRUPT,
			 __ATOMIC_RELAXED);
}

bool vq_listen(struct virtqueue *vq)
{
	__atomic_store_n(&vq->ring.avail->flags, 0, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return !anything_used(vq);
}
/*:*/
