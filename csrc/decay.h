/* The one function that every evaluation of the published future spends its time in. */
#ifndef GAUDI_DECAY_H
#define GAUDI_DECAY_H

#include <math.h>

/* exp(-x) for x >= 0, and without a call where it is below anything that can be seen: on a card at rest. */
static inline double gaudi_decay(double x)
{
    return x < 64.0 ? exp(-x) : 0.0;
}

#endif
