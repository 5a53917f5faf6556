/*G:060 The same kernel as a bzImage.
 *
 * What everybody boots is a bzImage, and so a loader for Guests must know them.
 * It is a file of two parts.  The second is the kernel as it should lie in
 * memory from 1 MB on; Linux has a decompressor there, we simply have
 * ourselves.  The first part is for the processor's first mode, of 16 bits, and
 * in the middle of it is the setup header: a form in which kernel and loader
 * tell each other what they need to know (the boot protocol is described in
 * Linux's Documentation/x86/boot).
 *
 * lguest's loader reads the form and skips the rest.  Should somebody write
 * this file to a real machine's disk, nothing good could come of it, so all
 * that the 16-bit code does is to say so. */
#include "layout.h"

#define SETUP_SECTORS	1		/* after the first */
#define HEADER_AT	0x1f1
#define PROTOCOL	0x0207		/* The first to know about lguest */
#define LOADED_HIGH	0x01

	.code16
	.text
	.globl	setup
setup:
	ljmp	$0x07c0, $1f		/* where a BIOS puts a boot sector */
1:	movw	%cs, %ax
	movw	%ax, %ds
	movw	$message, %si
2:	lodsb
	testb	%al, %al
	jz	3f
	movb	$0x0e, %ah		/* BIOS: print a character */
	movw	$7, %bx
	int	$0x10
	jmp	2b
3:	hlt
	jmp	3b
message:
	.asciz	"puppy is a Guest: it runs under lguest only.\r\n"

	.org	HEADER_AT
	.byte	SETUP_SECTORS
	.word	1			/* root_flags: read only */
	.long	(kernel_bytes_end - kernel_bytes + 15) / 16 /* syssize */
	.word	0			/* ram_size: no longer used */
	.word	0xffff			/* vid_mode: as it is */
	.word	0			/* root_dev */
	.word	0xaa55			/* boot_flag */

	.byte	0xeb, header_end - jump_end
jump_end:
	.ascii	"HdrS"
	.word	PROTOCOL
	.long	0			/* realmode_swtch */
	.word	0			/* start_sys_seg: obsolete */
	.word	version - 0x200		/* kernel_version */
	.byte	0			/* type_of_loader: loader's */
	.byte	LOADED_HIGH		/* loadflags */
	.word	0			/* setup_move_size */
	.long	LOAD_ADDRESS		/* code32_start */
	.long	0, 0			/* ramdisk image and size: loader's */
	.long	0			/* bootsect_kludge */
	.word	0			/* heap_end_ptr */
	.byte	0, 0			/* more about the loader */
	.long	0			/* cmd_line_ptr: loader's */
	.long	MAP_START - PAGE_OFFSET - 1 /* initrd_addr_max */
	.long	LOAD_ADDRESS		/* kernel_alignment */
	.byte	0			/* relocatable_kernel: no */
	.byte	0
	.word	0
	.long	2047			/* cmdline_size */
	.long	0			/* hardware_subarch: loader's */
	.quad	0			/* hardware_subarch_data */
header_end:
	jmp	setup

version:
	.asciz	"puppy 1.0"

	.org	(SETUP_SECTORS + 1) * 512
kernel_bytes:
	.incbin	"puppy.bin"
kernel_bytes_end:
/*:*/

	.section .note.GNU-stack, "", @progbits
