#include <linux/virtio_blk.h>
#include "drivers.h"

/*D:300 Disks.
 *
 * A request is one buffer in three pieces: a header that says what to do and
 * where, the data, and a single byte for the Launcher to say how it went.  All
 * three are in fact one structure's business (see drivers.h), and as nothing is
 * copied anywhere, the data goes from the Launcher's file to its place in a
 * single system call.
 *
 * One request at a time would leave either us or the Launcher idle, always.  So
 * queueing and waiting are two steps, and a caller with much to do keeps the
 * queue full. */
#define MAX_DISKS	16

static struct disk {
	struct virtqueue *vq;
	u32 features;
	u64 sectors;
	struct waitqueue finished;
} disks[MAX_DISKS];

static unsigned int disks_found;

unsigned int block_disks(void)
{
	return disks_found;
}

u64 block_sectors(unsigned int disk)
{
	return disk < disks_found ? disks[disk].sectors : 0;
}
/*:*/

/*D:310 Finished requests are collected in the interrupt.  Several tasks may be
 * waiting, some for their request, some for room: they look for themselves. */
static void collect(void *arg)
{
	struct disk *disk = arg;
	struct block_request *request;
	u32 written;

	while ((request = vq_take(disk->vq, &written)) != NULL)
		request->done = true;
	wake(&disk->finished);
}

static bool is_done(void *arg)
{
	return ((struct block_request *)arg)->done;
}
/*:*/

/*D:320 Queueing.  The data piece stands with what the device reads if we write,
 * with what it writes if we read, and is missing altogether for a flush. */
static bool to_device(const struct block_request *request)
{
	return request->type == VIRTIO_BLK_T_OUT;
}

static bool try_to_queue(void *arg)
{
	struct block_request *request = arg;
	struct disk *disk = &disks[request->disk];
	struct piece pieces[3] = { { &request->header,
				     sizeof(request->header) } };
	unsigned int count = 1, out;

	if (request->bytes)
		pieces[count++] = (struct piece){ request->data,
						  request->bytes };
	out = to_device(request) ? count : 1;
	pieces[count++] = (struct piece){ &request->status, 1 };
	if (vq_add(disk->vq, pieces, out, count - out, request))
		return true;
	vq_kick(disk->vq);
	return false;
}

void block_queue(struct block_request *request)
{
	request->header.type = request->type;
	request->header.priority = 0;
	request->header.sector = request->sector;
	request->status = VIRTIO_BLK_S_IOERR;
	request->done = false;
	wait_on(&disks[request->disk].finished, try_to_queue, request);
}

void block_kick(unsigned int disk)
{
	u32 flags = irq_save();

	vq_kick(disks[disk].vq);
	irq_restore(flags);
}

bool block_wait(struct block_request *request)
{
	wait_on(&disks[request->disk].finished, is_done, request);
	return request->status == VIRTIO_BLK_S_OK;
}
/*:*/

/*D:330 For those who just want something done.  Reading past the end is the
 * Launcher's to refuse; writing there would cost us our life ("the Guest has
 * gone mad"), so that's refused here. */
static bool do_request(struct block_request *request)
{
	block_queue(request);
	block_kick(request->disk);
	return block_wait(request);
}

static bool inside(unsigned int disk, u64 sector, unsigned int sectors)
{
	u64 size = block_sectors(disk);

	return sector <= size && sectors <= size - sector;
}

bool block_rw(unsigned int disk, bool write, u64 sector, void *buf,
	      unsigned int sectors)
{
	struct block_request request = {
		.disk = disk,
		.type = write ? VIRTIO_BLK_T_OUT : VIRTIO_BLK_T_IN,
		.sector = sector,
		.data = buf,
		.bytes = sectors * 512,
	};

	return inside(disk, sector, sectors) && do_request(&request);
}

bool block_flush(unsigned int disk)
{
	struct block_request request = {
		.disk = disk,
		.type = VIRTIO_BLK_T_FLUSH,
	};

	if (disk >= disks_found)
		return false;
	return !(disks[disk].features & bit(VIRTIO_BLK_F_FLUSH)) ||
	       do_request(&request);
}
/*:*/

/*D:340 What there is to know of a disk is how many sectors it has. */
static bool probe_disk(const struct device *device)
{
	struct disk *disk = &disks[disks_found];

	if (disks_found == MAX_DISKS)
		return false;
	disk->vq = device_queue(device, 0, collect, disk);
	if (!disk->vq)
		return false;
	disk->features = device->features;
	device_config(device, offsetof(struct virtio_blk_config, capacity),
		      &disk->sectors, sizeof(disk->sectors));
	disks_found++;
	return true;
}

const struct driver block_driver = {
	.type = VIRTIO_ID_BLOCK,
	.name = "disk",
	.features = bit(VIRTIO_BLK_F_FLUSH),
	.probe = probe_disk,
};
/*:*/
