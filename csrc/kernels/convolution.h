/* From a convolution to a multiplication: the rows of the matrix that the MME reads, gathered from an image. */
#ifndef GAUDI_KERNELS_CONVOLUTION_H
#define GAUDI_KERNELS_CONVOLUTION_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* How a position of the output and one of the kernel meet in the source, along one dimension: at
 * (output * output_step + kernel * kernel_step + offset) / divisor, if that has no remainder and lies inside; else at a zero.
 * A convolution forward has output_step = stride, kernel_step = dilation, offset = -padding and divisor 1. */
struct conv_axis {
    size_t source, output, kernel; /* extents */
    ptrdiff_t output_step, kernel_step, offset;
    size_t divisor;
};

/* The source is batch x y.source x x.source x channels; row number r of the result belongs to the position r of batch x
 * y.output x x.output, and lists y.kernel x x.kernel x channels elements. */
struct conv_window {
    size_t batch, channels, element_bytes;
    struct conv_axis y, x;
};

/* Rows [first, first + count) into `rows`, by up to `threads` threads.  Returns 0, or -EINVAL for an extent of 0, a row
 * beyond the last one or extents beyond what memory can have; then `rows` is untouched. */
int conv_gather(const struct conv_window *window, const void *source, size_t first, size_t count, void *rows, int threads);

#ifdef __cplusplus
}
#endif

#endif
