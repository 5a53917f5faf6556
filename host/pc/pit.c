/*H:820 The timer (Intel 8254): three channels that count down 1,193,182 times a
 * second, a third of the frequency at which American television sends colours.
 *
 * Channel 0 is the clock of the system.  In mode 2 it interrupts each time that
 * it gets to zero and starts again; in modes 0 and 4 once.  Channel 1 used to
 * refresh the memory, and channel 2 makes the speaker beep; kernels also use it
 * to find out how fast they are.
 *
 * Nothing counts here.  We remember when a channel was loaded and compute, when
 * asked, where it would be; and a timer of Linux's rings for channel 0. */
#include <errno.h>
#include <signal.h>
#include <sys/syscall.h>
#include <time.h>

#include "machine.h"
#include "raw.h"

#define TIMER_SIGNAL (SIGRTMIN + 1)
#define PIT_HZ 1193182u
#define NS 1000000000ull

#define MODE_ONCE 0
#define MODE_STROBE 4		/* once, too: the difference is in the wiring */

#define ACCESS_LATCH 0
#define ACCESS_LOW 1
#define ACCESS_HIGH 2
#define ACCESS_BOTH 3

#define SPEAKER_GATE 0x01
#define SPEAKER_DATA 0x02
#define SPEAKER_REFRESH 0x10
#define SPEAKER_OUT 0x20

static u64 ticks_since(u64 start)
{
	return (pc_now() - start) * PIT_HZ / NS;
}

static bool is_periodic(const struct pc_channel *channel)
{
	return channel->mode == 2 || channel->mode == 3;
}

static u16 counter(const struct pc_channel *channel)
{
	u64 ticks;

	if (!channel->loaded)
		return 0;
	ticks = ticks_since(channel->start);
	if (is_periodic(channel))
		ticks %= channel->count;
	return channel->count - ticks;
}

/* Once it has got to zero a one-shot goes on counting, but its output stays. */
static bool output(const struct pc_channel *channel)
{
	return channel->loaded && ticks_since(channel->start) >= channel->count;
}
/*:*/

/*H:822 The timer of Linux's that rings for channel 0.  Its signal goes to the
 * thread that the PC is, and the handler does what the wire would. */
static void timer_rings(int signal, siginfo_t *info, void *context)
{
	(void)signal;
	(void)context;
	pc_pulse(info->si_value.sival_ptr, PC_TIMER_IRQ);
}

int pit_init(struct pc *pc)
{
	struct sigaction act = { .sa_sigaction = timer_rings,
				 .sa_flags = SA_SIGINFO | SA_RESTART };
	struct sigevent event = { .sigev_notify = SIGEV_THREAD_ID,
				  .sigev_signo = TIMER_SIGNAL,
				  .sigev_value.sival_ptr = pc };

	event._sigev_un._tid = pc->task;
	if (sigaction(TIMER_SIGNAL, &act, NULL) != 0)
		return -errno;
	return raw_syscall(SYS_timer_create, CLOCK_MONOTONIC, (long)&event,
			   (long)&pc->timer, 0, 0, 0);
}

/* A signal that is on its way must not find the PC gone. */
void pit_exit(struct pc *pc)
{
	raw_syscall(SYS_timer_delete, pc->timer, 0, 0, 0, 0, 0);
	signal(TIMER_SIGNAL, SIG_IGN);
}

static void set_timer(struct pc *pc, u64 ns, bool again)
{
	struct itimerspec when = { .it_value.tv_sec = ns / NS,
				   .it_value.tv_nsec = ns % NS };

	if (again)
		when.it_interval = when.it_value;
	raw_syscall(SYS_timer_settime, pc->timer, 0, (long)&when, 0, 0, 0);
}

/* A clock that rings again and again without a pause leaves the Guest no time to
 * do anything about it, and Linux below us has its hands full, too.  Kernels want
 * 100 to 1,000 a second. */
#define SHORTEST_PERIOD 100000u

static void start_ringing(struct pc *pc, const struct pc_channel *channel)
{
	u64 ns = channel->count * NS / PIT_HZ;

	if (is_periodic(channel) && ns < SHORTEST_PERIOD)
		ns = SHORTEST_PERIOD;
	set_timer(pc, channel->loaded ? ns : 0, is_periodic(channel));
}
/*:*/

/*H:824 Loading a channel: one byte or two, as its control word has said. */
static void load(struct pc *pc, struct pc_channel *channel, u16 count)
{
	channel->count = count ? count : 65536;
	channel->start = pc_now();
	channel->loaded = true;
	if (channel == &pc->channel[0])
		start_ringing(pc, channel);
}

static void write_count(struct pc *pc, struct pc_channel *channel, u8 value)
{
	switch (channel->access) {
	case ACCESS_LOW:
		load(pc, channel, value);
		break;
	case ACCESS_HIGH:
		load(pc, channel, value << 8);
		break;
	default:
		if (channel->second)
			load(pc, channel, value << 8 | channel->low);
		channel->low = value;
		channel->second = !channel->second;
	}
}

static void control(struct pc *pc, u8 value)
{
	unsigned number = value >> 6;
	u8 access = value >> 4 & 3;
	struct pc_channel *channel;

	if (number == 3)	/* "read back": nobody does */
		return;
	channel = &pc->channel[number];
	if (access == ACCESS_LATCH) {
		channel->latch = counter(channel);
		channel->latched = true;
		return;
	}
	*channel = (struct pc_channel){ .access = access,
					.mode = value >> 1 & 7 };
	if (channel == &pc->channel[0])
		start_ringing(pc, channel);
}

void pit_out(struct pc *pc, u16 port, u8 value)
{
	if (port == 3)
		control(pc, value);
	else
		write_count(pc, &pc->channel[port], value);
}

u8 pit_in(struct pc *pc, u16 port)
{
	struct pc_channel *channel;
	u16 value;
	bool high;

	if (port == 3)
		return 0xff;
	channel = &pc->channel[port];
	value = channel->latched ? channel->latch : counter(channel);
	high = channel->access == ACCESS_HIGH ||
	       (channel->access == ACCESS_BOTH && channel->second_read);
	if (channel->access == ACCESS_BOTH)
		channel->second_read = !channel->second_read;
	if (!channel->second_read)
		channel->latched = false;
	return high ? value >> 8 : value;
}
/*:*/

/*H:826 Port 61: the gate of channel 2, its output, and a bit that changes with
 * each refresh of the memory; programs used to wait for it to do so. */
u8 pit_read_speaker(struct pc *pc)
{
	pc->refresh = !pc->refresh;
	return (pc->beep_gate ? SPEAKER_GATE : 0) |
	       (pc->refresh ? SPEAKER_REFRESH : 0) |
	       (output(&pc->channel[2]) ? SPEAKER_OUT : 0);
}

void pit_write_speaker(struct pc *pc, u8 value)
{
	bool gate = value & SPEAKER_GATE;

	if (gate && !pc->beep_gate)
		pc->channel[2].start = pc_now();
	pc->beep_gate = gate;
}
/*:*/
