/* Private to csrc/kernels: working memory that survives between calls. */
#ifndef GAUDI_KERNELS_WORKSPACE_H
#define GAUDI_KERNELS_WORKSPACE_H

#include <stddef.h>

/* Memory of at least `bytes` bytes, aligned to 64, contents undefined; NULL when there is none.  Belongs to the caller until
 * workspace_return().  Any thread. */
void *workspace_borrow(size_t bytes);

/* Give it back; NULL is fine.  One block of at most 64 MiB is kept for the next borrower. */
void workspace_return(void *memory);

#endif
