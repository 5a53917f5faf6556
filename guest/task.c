#include "kernel.h"

/*G:460 Who runs?
 *
 * There's one processor and there are many who want it.  "current" has it.  The
 * others who could use it stand in the run queue; whoever waits for something
 * stands in that something's own queue, or among the sleepers, or in both.
 *
 * When nobody can run, the idle task does: it is what has become of the thread
 * that booted us, and all it ever does is ask the Host to wake it up. */
#define SLICE_NS	(10 * NS_PER_MS)

static struct task idle_task = { .name = "idle", .guard = GUARD };
struct task *current = &idle_task;
struct counters counters;

static struct task *all_tasks = &idle_task;
static struct task *sleepers;
static struct {
	struct task *first, *last;
} run_queue;

bool tasks_waiting(void)
{
	return run_queue.first != NULL;
}

static void enqueue(struct task *task)
{
	task->next = NULL;
	if (run_queue.first)
		run_queue.last->next = task;
	else
		run_queue.first = task;
	run_queue.last = task;
	/* Whoever runs shall not do so for ever. */
	if (current != &idle_task)
		timer_want(now_ns() + SLICE_NS);
}

static struct task *dequeue(void)
{
	struct task *task = run_queue.first;

	if (!task)
		return &idle_task;
	run_queue.first = task->next;
	task->next = NULL;
	return task;
}
/*:*/

/*G:462 A program owns more of the processor than a few registers: an address
 * space, a stack for the kernel to use when it traps, the segments of its
 * thread-local storage.  Kernel threads own none of that, and don't mind whose
 * it is.  So these things stay with the last program until *another program* is
 * to run: the "loaded" one.  Switching to a kernel thread and back is almost
 * free.
 *
 * Three hypercalls out of four wait in the ring until the last takes them
 * along.  fs and gs are emptied meanwhile, for they may refer to an entry that
 * is going away. */
static struct task *loaded;

/* A selector which doesn't work (any more) turns into zero. */
#define LOAD_SELECTOR(reg, value)					\
	asm volatile("1:	mov %0, %%" #reg "\n"			\
		     ".pushsection .fixup, \"ax\"\n"			\
		     "2:	xorl %0, %0\n"				\
		     "	jmp 1b\n"					\
		     ".popsection\n"					\
		     ".pushsection .fixups, \"a\"\n"			\
		     "	.long 1b, 2b\n"					\
		     ".popsection" : "+r" (value))

void load_selectors(u32 fs, u32 gs)
{
	LOAD_SELECTOR(fs, fs);
	LOAD_SELECTOR(gs, gs);
}

void save_selectors(struct task *task)
{
	asm volatile("mov %%fs, %0" : "=r" (task->fs));
	asm volatile("mov %%gs, %0" : "=r" (task->gs));
}

static void load_program(struct task *task)
{
	if (loaded)
		save_selectors(loaded);
	load_selectors(0, 0);
	hcall_later(LHCALL_SET_STACK, KERNEL_DS, (u32)(task_regs(task) + 1),
		    STACK_PAGES, 0);
	hcall_later(LHCALL_LOAD_TLS, pa(task->tls), 0, 0, 0);
	fpu_switch(task);
	root_load(task->space.root);
	load_selectors(task->fs, task->gs);
	loaded = task;
}

/* Without saving: what *current says is newer than what the processor has. */
void task_reload(void)
{
	u32 flags = irq_save();

	loaded = NULL;
	load_program(current);
	irq_restore(flags);
}

void task_set_tls(u32 index, struct tls tls)
{
	save_selectors(current);
	current->tls[index] = tls;
	task_reload();
}

static void unload_program(void)
{
	u32 flags = irq_save();

	load_selectors(0, 0);
	root_load(kernel_root());
	loaded = NULL;
	irq_restore(flags);
}
/*:*/

/*G:464 Choosing is simple: whoever has waited longest.  Interrupts are off from
 * before the choice until the one chosen has them on again in its own time.
 *
 * A task which has ended can't free its own stack while it stands on it, so it
 * leaves that to whoever comes next. */
static struct task *to_bury;

static void bury(struct task *task)
{
	struct task **link = &all_tasks;

	while (*link != task)
		link = &(*link)->all_next;
	*link = task->all_next;
	free_two_pages(task);
}

void task_started(void)
{
	if (to_bury)
		bury(to_bury);
	to_bury = NULL;
}

static void schedule(void)
{
	struct task *prev = current, *next = dequeue();

	if (prev->guard != GUARD)
		panic("kernel stack of %s is too small", prev->name);
	counters.switches++;
	current = next;
	if (next->space.root && next != loaded)
		load_program(next);
	if (run_queue.first)
		timer_want(now_ns() + SLICE_NS);
	switch_stacks(&prev->esp, next->esp);
	task_started();
}

void yield(void)
{
	u32 flags = irq_save();

	if (run_queue.first) {
		enqueue(current);
		schedule();
	}
	irq_restore(flags);
}

/* The Host delivers a waiting interrupt instead of putting us to sleep, so none
 * can slip through between the look at the queue and the call. */
void idle(void)
{
	for (;;) {
		irq_save();
		if (run_queue.first) {
			schedule();
		} else {
			counters.halts++;
			hcall(LHCALL_HALT, 0, 0, 0, 0);
		}
	}
}
/*:*/

/*G:466 Waiting, and being woken.  A queue wakes all who wait in it, and each of
 * them looks whether it was meant.  That wastes a little, but it can't go
 * wrong. */
static void stand_in(struct waitqueue *queue)
{
	struct task **link = &queue->first;

	while (*link)
		link = &(*link)->next;
	*link = current;
	current->next = NULL;
	current->waiting = queue;
}

static void leave_queue(struct task *task)
{
	struct task **link;

	if (!task->waiting)
		return;
	for (link = &task->waiting->first; *link != task;)
		link = &(*link)->next;
	*link = task->next;
	task->waiting = NULL;
}

static void set_alarm(u64 when)
{
	struct task **link = &sleepers;

	while (*link && (*link)->wake_at <= when)
		link = &(*link)->later;
	current->wake_at = when;
	current->later = *link;
	*link = current;
	timer_want(when);
}

static void cancel_alarm(struct task *task)
{
	struct task **link;

	if (!task->wake_at)
		return;
	for (link = &sleepers; *link != task;)
		link = &(*link)->later;
	*link = task->later;
	task->wake_at = 0;
}

static void wake_task(struct task *task)
{
	if (task->state != SLEEPING)
		return;
	leave_queue(task);
	cancel_alarm(task);
	task->state = RUNNING;
	enqueue(task);
}

void wake(struct waitqueue *queue)
{
	u32 flags = irq_save();

	while (queue->first)
		wake_task(queue->first);
	irq_restore(flags);
}

void task_interrupt(struct task *task)
{
	u32 flags = irq_save();

	if (task->interruptible)
		wake_task(task);
	irq_restore(flags);
}

void sleepers_wake(void)
{
	u64 now = now_ns();

	while (sleepers && sleepers->wake_at <= now)
		wake_task(sleepers);
	if (sleepers)
		timer_want(sleepers->wake_at);
}
/*:*/

/*G:468 All the ways of waiting are this one.  It's important that interrupts
 * are off between the look and the sleep: whoever calls wake() would find
 * nobody in the queue if he came just then. */
#define NEVER	(~0ull)

static bool wait(struct waitqueue *queue, bool (*ready)(void *arg), void *arg,
		 u64 until, bool interruptible)
{
	u32 flags = irq_save();
	bool is_ready;

	while (!(is_ready = ready(arg)) &&
	       !(until != NEVER && now_ns() >= until) &&
	       !(interruptible && signal_waiting(current))) {
		current->state = SLEEPING;
		current->interruptible = interruptible;
		stand_in(queue);
		if (until != NEVER)
			set_alarm(until);
		schedule();
	}
	irq_restore(flags);
	return is_ready;
}

void wait_on(struct waitqueue *queue, bool (*ready)(void *arg), void *arg)
{
	wait(queue, ready, arg, NEVER, false);
}

bool wait_on_timeout(struct waitqueue *queue, bool (*ready)(void *arg),
		     void *arg, u64 ns)
{
	return wait(queue, ready, arg, now_ns() + ns, false);
}

bool wait_interruptible(struct waitqueue *queue, bool (*ready)(void *arg),
			void *arg)
{
	return wait(queue, ready, arg, NEVER, true);
}

static bool never(void *unused)
{
	(void)unused;
	return false;
}

/* A queue that nobody will ever wake. */
static struct waitqueue bed;

void sleep_ns(u64 ns)
{
	wait(&bed, never, NULL, now_ns() + ns, false);
}

u64 sleep_until_signal(u64 ns)
{
	u64 until = now_ns() + ns, now;

	wait(&bed, never, NULL, until, true);
	now = now_ns();
	return now < until ? until - now : 0;
}
/*:*/

/*G:474 New tasks.  A stack that looks as if switch_stacks() had been called
 * from it: four registers, and where to return to. */
static void prepare_stack(struct task *task, u32 *top, const void *entry)
{
	*--top = (u32)entry;
	top -= 4;
	memset(top, 0, 4 * sizeof(u32));
	task->esp = (u32)top;
}

static struct task *task_alloc(const char *name)
{
	static int last_pid;
	struct task *task = alloc_run(2, 2);

	if (!task)
		return NULL;
	task->guard = GUARD;
	task->pid = ++last_pid;
	ksnprintf(task->name, NAME_BYTES, "%s", name);
	fpu_init(task);
	return task;
}

/* From here on it can run. */
static void task_publish(struct task *task)
{
	u32 flags = irq_save();

	task->all_next = all_tasks;
	all_tasks = task;
	enqueue(task);
	irq_restore(flags);
}

static void thread_start(void)
{
	task_started();
	irq_restore(EFLAGS_IF);
	current->fn(current->arg);
	task_exit(0);
}

struct task *kthread(const char *name, void (*fn)(void *arg), void *arg)
{
	struct task *task = task_alloc(name);
	u32 *top;

	if (!task)
		return NULL;
	task->fn = fn;
	task->arg = arg;
	top = (u32 *)task_regs(task);
	/* thread_start() never returns, but looks for where it could. */
	*--top = 0;
	prepare_stack(task, top, thread_start);
	task_publish(task);
	return task;
}
/*:*/

/*G:476 fork(): everything the parent has, and a zero in eax to know oneself
 * by. */
static void inherit(struct task *child, const struct task *parent)
{
	int i;

	child->parent = current;
	memcpy(child->tls, parent->tls, sizeof(child->tls));
	memcpy(child->actions, parent->actions, sizeof(child->actions));
	child->blocked = parent->blocked;
	for (i = 0; i < FILES; i++) {
		child->files[i] = parent->files[i];
		if (child->files[i])
			child->files[i]->users++;
	}
	save_selectors(child);
	fpu_copy(child);
}

int task_fork(struct regs *regs)
{
	struct task *child = task_alloc(current->name);

	if (!child)
		return -ENOMEM;
	if (!space_copy(&child->space, &current->space)) {
		free_two_pages(child);
		return -ENOMEM;
	}
	inherit(child, current);
	*task_regs(child) = *regs;
	task_regs(child)->eax = 0;
	prepare_stack(child, (u32 *)task_regs(child), fork_return);
	task_publish(child);
	return child->pid;
}
/*:*/

/*G:478 Ending.  What a task holds is given back at once, except for itself:
 * somebody may want to know how it ended.  If there's nobody, it is gone
 * without trace. */
static void disown_children(void)
{
	struct task *task, *next;

	for (task = all_tasks; task; task = next) {
		next = task->all_next;
		if (task->parent != current)
			continue;
		task->parent = NULL;
		if (task->state == ZOMBIE)
			bury(task);
	}
}

static void give_everything_back(void)
{
	struct space space = current->space;
	int i;

	for (i = 0; i < FILES; i++) {
		if (current->files[i])
			file_put(current->files[i]);
		current->files[i] = NULL;
	}
	if (!space.root)
		return;
	fpu_forget();
	current->space.root = NULL;
	unload_program();
	space_free(&space);
}

void task_exit(int status)
{
	give_everything_back();
	irq_save();
	disown_children();
	current->status = status;
	if (current->parent) {
		current->state = ZOMBIE;
		wake(&current->parent->child_ended);
		signal_send(current->parent, SIGCHLD);
	} else {
		current->state = DEAD;
		to_bury = current;
	}
	schedule();
	panic("%s came back from the dead", current->name);
}
/*:*/

/*G:480 And being asked for.  A parent that waits for a child which has ended
 * gets its status, and only then is that child's number free. */
struct search {
	int pid;
	struct task *zombie;
	bool any;
};

static bool find_child(void *arg)
{
	struct search *search = arg;
	struct task *task;

	search->any = false;
	search->zombie = NULL;
	for (task = all_tasks; task; task = task->all_next) {
		if (task->parent != current ||
		    (search->pid > 0 && task->pid != search->pid))
			continue;
		search->any = true;
		if (task->state == ZOMBIE)
			search->zombie = task;
	}
	return search->zombie || !search->any;
}

int task_wait(int pid, int *status, bool block)
{
	struct search search = { .pid = pid };
	int found;

	if (block)
		wait_interruptible(&current->child_ended, find_child, &search);
	else
		find_child(&search);
	if (!search.any)
		return -ECHILD;
	if (!search.zombie)
		return block ? -EINTR : 0;
	found = search.zombie->pid;
	*status = search.zombie->status;
	bury(search.zombie);
	return found;
}

struct task *task_find(int pid)
{
	struct task *task = all_tasks;

	while (task && (task->pid != pid || task->state >= ZOMBIE))
		task = task->all_next;
	return task;
}
/*:*/

/*G:482 For the curious.  With interrupts off, so that whoever prints the lines
 * can't sleep in between, and the list stays as it is. */
void ps(void (*line)(const char *text, void *arg), void *arg)
{
	static const char *const states[] = { "ready", "sleeps", "zombie",
					      "dead" };
	const struct task *task;
	u32 flags = irq_save();
	char text[64];

	for (task = all_tasks; task; task = task->all_next) {
		ksnprintf(text, sizeof(text), "%5d  %-7s %-7s %s", task->pid,
			  task == current ? "runs" : states[task->state],
			  task->space.root ? "program" : "kernel", task->name);
		line(text, arg);
	}
	irq_restore(flags);
}
/*:*/
