/*H:860 The registers of a legacy virtio device (virtio 1.0, 4.1.4.8): twenty
 * bytes of ports, and its configuration behind.
 *
 * Rings are the Launcher's business.  Here the driver only says where they are
 * and what it has understood; when it sets the status byte, the Launcher is told
 * all of that.  A notification goes straight to the service thread, by the
 * eventfd that the Launcher left for it. */
#include <sys/syscall.h>

#include "machine.h"
#include "raw.h"

enum {
	HOST_FEATURES = 0, GUEST_FEATURES = 4, QUEUE_PFN = 8, QUEUE_SIZE = 12,
	QUEUE_SELECT = 14, QUEUE_NOTIFY = 16, STATUS = 18, ISR = 19, CONFIG = 20,
};

static bool queue_exists(const struct pc_virtio *dev)
{
	return dev->queue < dev->about.queues;
}

static u32 read_config(const struct pc_virtio *dev, u16 offset, unsigned size)
{
	u32 value = 0;

	for (unsigned i = 0; i < size && offset + i < dev->about.config_len; i++)
		value |= (u32)dev->config[offset + i] << 8 * i;
	return value;
}

/* Reading the ISR also clears it.  A thread that sets it again pulses the line
 * afterwards, so nothing gets lost. */
u32 virtio_in(struct pc *pc, struct pc_virtio *dev, u16 offset, unsigned size)
{
	(void)pc;
	switch (offset) {
	case HOST_FEATURES:
		return dev->about.features;
	case GUEST_FEATURES:
		return dev->features;
	case QUEUE_PFN:
		return queue_exists(dev) ? dev->queue_pfn[dev->queue] : 0;
	case QUEUE_SIZE:
		return queue_exists(dev) ? dev->about.queue_size : 0;
	case QUEUE_SELECT:
		return dev->queue;
	case STATUS:
		return dev->status;
	case ISR:
		return __atomic_exchange_n(&dev->isr, 0, __ATOMIC_SEQ_CST);
	default:
		return offset < CONFIG ? 0 :
					 read_config(dev, offset - CONFIG, size);
	}
}
/*:*/

/*H:862 Status 0 is a reset: nothing has been said. */
static void set_status(struct pc *pc, struct pc_virtio *dev, u8 status)
{
	dev->status = status;
	if (!status) {
		dev->features = 0;
		for (unsigned i = 0; i < PC_QUEUES; i++)
			dev->queue_pfn[i] = 0;
		__atomic_store_n(&dev->isr, 0, __ATOMIC_SEQ_CST);
	}
	pc->event.device = dev - pc->virtio;
	pc->event.status = status;
	pc->event.features = dev->features;
	for (unsigned i = 0; i < PC_QUEUES; i++)
		pc->event.queue_pfn[i] = dev->queue_pfn[i];
	pc_tell(pc, PC_STATUS);
}

static void notify(const struct pc_virtio *dev, u32 queue)
{
	static const u64 one = 1;

	if (queue < dev->about.queues)
		raw_syscall(SYS_write, dev->eventfds[queue], (long)&one,
			    sizeof(one), 0, 0, 0);
}

void virtio_out(struct pc *pc, struct pc_virtio *dev, u16 offset, unsigned size,
		u32 value)
{
	(void)size;
	switch (offset) {
	case GUEST_FEATURES:
		dev->features = value & dev->about.features;
		break;
	case QUEUE_PFN:
		if (queue_exists(dev))
			dev->queue_pfn[dev->queue] = value;
		break;
	case QUEUE_SELECT:
		dev->queue = value;
		break;
	case QUEUE_NOTIFY:
		notify(dev, value);
		break;
	case STATUS:
		set_status(pc, dev, value);
		break;
	}
}

void pc_interrupt(struct pc *pc, unsigned device)
{
	struct pc_virtio *dev = &pc->virtio[device];

	__atomic_store_n(&dev->isr, 1, __ATOMIC_SEQ_CST);
	pc_pulse(pc, dev->line);
}
/*:*/
