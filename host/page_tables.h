/*H:600 What a Guest says about its page tables, and what they say of a page. */
#ifndef LGUEST_PAGE_TABLES_H
#define LGUEST_PAGE_TABLES_H

#include "lg.h"

/* For windows_init(), with the struct lguest as owner.  The Guest dies if the
 * walk meets an entry that can't be. */
extern const struct page_reader lguest_reader;

/* The hypercalls; all addresses of tables are Guest-physical. */
void guest_new_pagetable(struct lguest *lg, u32 pgdir);
void guest_set_pte(struct lguest *lg, u32 pgdir, u32 vaddr, u64 pte);
void guest_set_pgd(struct lguest *lg, u32 pgdir, u32 index);
void guest_set_pmd(struct lguest *lg, u32 pmd_page, u32 index);
void guest_flush_user(struct lguest *lg);
void guest_flush_all(struct lguest *lg);

/* From now on the Guest runs in its kernel, or in a program of its. */
void guest_enter_ring(struct lguest *lg, bool user);
/*:*/

#endif /* LGUEST_PAGE_TABLES_H */
