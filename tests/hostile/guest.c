/* The parts of a hostile Guest that are like any other's. */
#include "guest.h"

volatile struct lguest_data lguest_data = {
	.kernel_address = 0xc0000000,
	.syscall_vec = 0x80,
};
static const char *command_line = (const char *)0x1000;
static u8 kernel_stack[4 * PAGE] __attribute__((aligned(PAGE), used));
static u8 trap_stack[2 * PAGE] __attribute__((aligned(PAGE)));
u8 user_data[4 * PAGE] __attribute__((aligned(PAGE), section(".udata")));

/* The Launcher comes in here. */
asm(".section .start, \"ax\"\n"
    ".globl _start\n"
    "_start:\n"
    "	mov $kernel_stack + 4 * 4096, %esp\n"
    "	call run_case\n"
    "	.text");

/* ---- The Host ---- */

u32 hcall(u32 number, u32 a, u32 b, u32 c, u32 d)
{
	u32 ret = number;

	asm volatile("int $0x1f"
		     : "+a"(ret)
		     : "b"(a), "c"(b), "d"(c), "S"(d)
		     : "memory");
	return ret;
}

static void __attribute__((noreturn)) shut_down(const char *text)
{
	for (;;)
		hcall(SHUTDOWN, (u32)text, 1, 0, 0);
}

void good_bye(void)
{
	shut_down("Power down");
}

void fail(const char *why)
{
	shut_down(why);
}

void print(const char *text)
{
	hcall(NOTIFY, (u32)text, 0, 0, 0);
}

void sleep_ms(u32 ms)
{
	while (ms--) {
		hcall(CLOCKEVENT, 1000000, 0, 0, 0);
		hcall(HALT, 0, 0, 0, 0);
	}
}

void wait_for_death(void)
{
	sleep_ms(15000);
	fail("still alive");
}

u32 memory_end(void)
{
	/* The first e820 entry, which is all there is. */
	return *(u32 *)(0x2d0 + 8);
}

u32 limit(void)
{
	volatile u8 *desc = (volatile u8 *)memory_end();
	u32 queues = 0;

	for (; desc[DESC_TYPE]; desc += 5 + desc[DESC_NUM_VQ] * 8 +
				2 * desc[DESC_FEATURE_LEN] +
				desc[DESC_CONFIG_LEN])
		queues += desc[DESC_NUM_VQ];
	return memory_end() + PAGE + 3 * PAGE * queues;
}

/* ---- Which case? ---- */

extern const struct hostile_case __start_cases[], __stop_cases[];

static bool is_named(const char *name)
{
	const char *c = command_line;

	while (*name && *c == *name)
		c++, name++;
	return !*name && (!*c || *c == ' ');
}

static u32 digit(char c)
{
	return c <= '9' ? c - '0' : c - 'a' + 10;
}

u32 argument(unsigned int n)
{
	const char *c = command_line;
	u32 value = 0;

	for (n++; *c && n; c++)
		n -= *c == ' ';
	while (*c && *c != ' ')
		value = value << 4 | digit(*c++);
	return value;
}

void run_case(void);
void run_case(void)
{
	const struct hostile_case *c;

	for (c = __start_cases; c < __stop_cases; c++)
		if (is_named(c->name))
			break;
	if (c == __stop_cases || c->name[0] != '_')
		begin();
	if (c == __stop_cases)
		fail("no such case");
	c->run();
	good_bye();
}

/* ---- Pages ---- */

#define MOST_TABLES 80
u32 page_directory[1024] __attribute__((aligned(PAGE)));
static u32 page_tables[MOST_TABLES][1024] __attribute__((aligned(PAGE)));
static u32 tables_used;

static u32 *table_for(u32 virtual)
{
	u32 *upper = &page_directory[virtual >> 22];

	if (!*upper) {
		*upper = (u32)page_tables[tables_used++] | PTE_USER;
		hcall(SET_PGD, (u32)page_directory, virtual >> 22, 0, 0);
	}
	return (u32 *)(*upper & -PAGE);
}

void map_page(u32 virtual, u32 entry)
{
	table_for(virtual)[virtual >> 12 & 1023] = entry;
	hcall(SET_PTE, (u32)page_directory, virtual, entry, 0);
}

void map_user(u32 virtual, void *in_kernel)
{
	map_page(virtual, ((u32)in_kernel & -PAGE) | PTE_USER);
}

static bool is_users(u32 addr)
{
	extern u8 user_start[], user_end[];

	return addr >= (u32)user_start && addr < (u32)user_end;
}

void paging_on(void)
{
	for (u32 addr = 0; addr < limit(); addr += PAGE) {
		u32 flags = is_users(addr) ? PTE_USER : PTE_KERNEL;

		table_for(addr)[addr >> 12 & 1023] = addr | flags;
		table_for(addr + 0xc0000000)[addr >> 12 & 1023] =
			addr | PTE_KERNEL;
	}
	hcall(NEW_PGTABLE, (u32)page_directory, 0, 0, 0);
}

/* ---- Traps ---- */

void load_gate(u8 vector, void *handler, u32 kind)
{
	u32 addr = (u32)handler;

	hcall(LOAD_IDT, vector, (addr & 0xffff) | KERNEL_CS << 16,
	      (addr & 0xffff0000) | kind, 0);
}

struct trap trap;
static u32 traps_to_ignore __attribute__((used));
static u32 back_esp __attribute__((used));
extern u8 interrupt_stub[], alarm_stub[], trap_stubs[];
#define STUB_SIZE 16

/* A stub for each vector: they all come to trap_common with the same frame. */
asm(".text\n"
    ".globl interrupt_stub, alarm_stub, trap_stubs\n"
    "interrupt_stub:\n"
    "	iret\n"
    "alarm_stub:\n"
    "	testb $2, 4(%esp)\n"
    "	jnz trap_stubs + 32 * 16\n"
    "	push %eax\n"
    "	push %ebx\n"
    "	mov $9, %eax\n"
    "	mov $1000000, %ebx\n"
    "	int $0x1f\n"
    "	movl $0x200, lguest_data\n"
    "	pop %ebx\n"
    "	pop %eax\n"
    "	iret\n"
    ".balign 16\n"
    "trap_stubs:\n"
    ".set vector, 0\n"
    ".rept 256\n"
    ".balign 16\n"
    "	.if (vector == 8) + (vector >= 10) * (vector <= 14) + (vector == 17)\n"
    "	.else\n"
    "	push $0\n"
    "	.endif\n"
    "	pushl $vector\n"
    "	jmp trap_common\n"
    ".set vector, vector + 1\n"
    ".endr\n"
    "trap_common:\n"
    "	cmpl $0, traps_to_ignore\n"
    "	je 1f\n"
    "	decl traps_to_ignore\n"
    "	add $8, %esp\n"
    "	iret\n"
    "1:	pusha\n"
    "	mov $0x69, %eax\n"
    "	mov %eax, %ds\n"
    "	mov %eax, %es\n"
    "	cld\n"
    "	mov %esp, %esi\n"
    "	mov $trap, %edi\n"
    "	mov $15, %ecx\n"
    "	rep movsl\n"
    "	mov back_esp, %esp\n"
    "	popa\n"
    "	ret\n");

void begin(void)
{
	hcall(INIT, (u32)&lguest_data, 0, 0, 0);
	for (u32 vector = 32; vector < 64; vector++)
		load_gate(vector, interrupt_stub, INTERRUPT_GATE);
}

void gates_on(void)
{
	for (u32 vector = 0; vector < 32; vector++)
		load_gate(vector, trap_stubs + vector * STUB_SIZE,
			  INTERRUPT_GATE);
	load_gate(0x80, trap_stubs + 0x80 * STUB_SIZE, INTERRUPT_GATE | ANYBODY);
	load_gate(3, trap_stubs + 3 * STUB_SIZE, INTERRUPT_GATE | ANYBODY);
	load_gate(4, trap_stubs + 4 * STUB_SIZE, INTERRUPT_GATE | ANYBODY);
}

void enter_user(u32 eip, u32 esp);
asm(".globl enter_user\n"
    "enter_user:\n"
    "	pusha\n"
    "	mov %esp, back_esp\n"
    "	mov 36(%esp), %eax\n"
    "	mov 40(%esp), %ebx\n"
    "	mov $0x7b, %ecx\n"
    "	mov %ecx, %ds\n"
    "	mov %ecx, %es\n"
    "	push $0x7b\n"
    "	push %ebx\n"
    "	push $0x202\n"
    "	push $0x73\n"
    "	push %eax\n"
    "	iret\n");

void call_kernel(void (*function)(void));
asm(".globl call_kernel\n"
    "call_kernel:\n"
    "	pusha\n"
    "	mov %esp, back_esp\n"
    "	call *36(%esp)\n"
    "	movl $-1, trap + 32\n"
    "	mov back_esp, %esp\n"
    "	popa\n"
    "	ret\n");

void run_user(void *eip, u32 esp, u32 ignored)
{
	traps_to_ignore = ignored;
	trap.vector = ~0u;
	enter_user((u32)eip, esp);
}

/* An interrupt that finds us still in the kernel tries again later. */
void run_user_for_a_ms(void *eip, u32 esp)
{
	load_gate(32, alarm_stub, INTERRUPT_GATE);
	lguest_data.irq_enabled = 0x200;
	hcall(CLOCKEVENT, 1000000, 0, 0, 0);
	run_user(eip, esp, 0);
	hcall(CLOCKEVENT, 0, 0, 0, 0);
}

void run_kernel(void (*function)(void))
{
	traps_to_ignore = 0;
	call_kernel(function);
}

void programs_on(void)
{
	hcall(LOAD_GDT, 14, 0x0000ffff, 0x00cffa00, 0);
	hcall(LOAD_GDT, 15, 0x0000ffff, 0x00cff200, 0);
	hcall(SET_STACK, KERNEL_DS, (u32)trap_stack + sizeof(trap_stack), 2, 0);
	gates_on();
	paging_on();
}

/* ---- Devices ---- */

static void find_queue(struct queue *q, volatile u8 *config)
{
	q->addr = *(volatile u32 *)(config + 4) * PAGE;
	q->desc = (void *)q->addr;
	q->avail = (void *)(q->addr + PAGE);
	q->used = (void *)(q->addr + 2 * PAGE);
	q->seen = 0;
}

void find_device(u8 type, struct device *dev)
{
	volatile u8 *desc = (volatile u8 *)memory_end();

	for (;; desc = dev->config + dev->config_len) {
		demand(desc[DESC_TYPE]);
		dev->desc = desc;
		dev->type = desc[DESC_TYPE];
		dev->num_vq = desc[DESC_NUM_VQ];
		dev->feature_len = desc[DESC_FEATURE_LEN];
		dev->config_len = desc[DESC_CONFIG_LEN];
		dev->features = desc + 5 + 8 * dev->num_vq;
		dev->accepted = dev->features + dev->feature_len;
		dev->config = dev->accepted + dev->feature_len;
		if (dev->type == type)
			break;
	}
	for (unsigned int i = 0; i < dev->num_vq; i++)
		find_queue(&dev->vq[i], desc + 5 + 8 * i);
}

void set_status(struct device *dev, u8 status)
{
	dev->desc[DESC_STATUS] = status;
	hcall(NOTIFY, (u32)dev->desc, 0, 0, 0);
}

void start_device(struct device *dev, u32 features)
{
	set_status(dev, 0);
	for (unsigned int i = 0; i < dev->num_vq; i++)
		dev->vq[i].seen = 0;
	for (unsigned int i = 0; i < dev->feature_len; i++)
		dev->accepted[i] = features >> 8 * i;
	set_status(dev, 3);
}

void set_desc(struct queue *q, u16 i, u64 addr, u32 len, u16 flags, u16 next)
{
	q->desc[i].addr = addr;
	q->desc[i].len = len;
	q->desc[i].flags = flags;
	q->desc[i].next = next;
}

void make_available(struct queue *q, u16 head)
{
	q->avail->ring[q->avail->idx % RING_SIZE] = head;
	q->avail->idx++;
}

void kick(struct queue *q)
{
	hcall(NOTIFY, q->addr, 0, 0, 0);
}

void offer(struct queue *q, u64 addr, u32 len, u16 flags)
{
	set_desc(q, 0, addr, len, flags, 0);
	make_available(q, 0);
	kick(q);
}

u32 wait_used(struct queue *q)
{
	for (u32 i = 0; q->used->idx == q->seen; i++) {
		if (i == 15000)
			fail("no answer from the device");
		sleep_ms(1);
	}
	return q->used->ring[q->seen++ % RING_SIZE].len;
}

void ask_runner(const char *what)
{
	static struct device console;
	static char answer[16];

	if (!console.type) {
		find_device(CONSOLE, &console);
		start_device(&console, 0);
	}
	print(what);
	offer(&console.vq[0], (u32)answer, sizeof(answer), DESC_WRITE);
	wait_used(&console.vq[0]);
}
