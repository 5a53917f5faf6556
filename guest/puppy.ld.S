/*G:058 How the linker lays us out: everything at its virtual address, but with
 * the physical one, 3 GB lower, noted for the Launcher.  Code and constants
 * come first, "start" before all, since that's where a bzImage begins. */
#include "layout.h"

ENTRY(start_physical)
start_physical = start - PAGE_OFFSET;

PHDRS
{
	text PT_LOAD FLAGS(5);
	data PT_LOAD FLAGS(6);
}

SECTIONS
{
	. = PAGE_OFFSET + LOAD_ADDRESS;
	.text : AT(ADDR(.text) - PAGE_OFFSET) {
		*(.head.text)
		*(.text .text.* .fixup)
	} :text
	.rodata : AT(ADDR(.rodata) - PAGE_OFFSET) {
		*(.rodata .rodata.*)
		. = ALIGN(4);
		fixups_start = .;
		*(.fixups)
		fixups_end = .;
	} :text
	. = ALIGN(4096);
	.data : AT(ADDR(.data) - PAGE_OFFSET) {
		*(.data .data.*)
	} :data
	. = ALIGN(4096);
	.bss : AT(ADDR(.bss) - PAGE_OFFSET) {
		bss_start = .;
		*(.bss .bss.* COMMON)
		. = ALIGN(4096);
		bss_end = .;
	} :data
	kernel_end = .;
	/DISCARD/ : {
		*(.note .note.* .comment .eh_frame*)
	}
}
/*:*/
