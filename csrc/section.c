/* The protocol that keeps a section whole for readers that take no lock.
 *
 * The copy of now is slot[sequence & 1]. A writer fills the other slot and then publishes sequence + 1;
 * it begins to overwrite a slot only after the sequence has moved away from it. A reader copies the
 * slot of the sequence it saw and accepts it if the sequence is still the same.
 *
 * Order: every data word is stored with release and loaded with acquire. So a reader that got a word of
 * a later publish also sees the sequence that was stored before that publish began, and rejects. On
 * x86-64 both are plain moves; there is no fence, which ThreadSanitizer could not follow. */
#include "card_internal.h"
#include "kill_point.h"

#include <errno.h>

/* Words are copied through uint64_t that may alias the structs. */
typedef uint64_t __attribute__((may_alias)) word;

void gaudi_words_load(void *to, const void *from, size_t size)
{
    word *out = to;
    const word *in = from;
    for (size_t i = 0; i < size / sizeof(word); i++)
        out[i] = __atomic_load_n(&in[i], __ATOMIC_ACQUIRE);
}

void gaudi_words_store(void *to, const void *from, size_t size)
{
    word *out = to;
    const word *in = from;
    for (size_t i = 0; i < size / sizeof(word); i++)
        __atomic_store_n(&out[i], in[i], __ATOMIC_RELEASE);
}

const void *gaudi_section_slot(const uint64_t *sequence, size_t slot_size, uint64_t value)
{
    return (const char *)(sequence + 8) + (value & 1) * slot_size;
}

int gaudi_section_read(const uint64_t *sequence, size_t slot_size, void *out)
{
    for (int attempt = 0; attempt < GAUDI_READ_ATTEMPTS; attempt++) {
        uint64_t before = gaudi_load_u64(sequence);
        gaudi_words_load(out, gaudi_section_slot(sequence, slot_size, before), slot_size);
        if (gaudi_load_u64(sequence) == before)
            return 0;
    }
    return -EAGAIN;
}

void gaudi_section_fill(uint64_t *sequence, size_t slot_size, const void *in)
{
    uint64_t next = gaudi_load_u64(sequence) + 1;
    char *slot = (char *)(sequence + 8) + (next & 1) * slot_size;
    size_t half = slot_size / 2 / sizeof(word) * sizeof(word);
    gaudi_words_store(slot, in, half);
    gaudi_kill_point("half a section filled");
    gaudi_words_store(slot + half, (const char *)in + half, slot_size - half);
    gaudi_kill_point("section filled");
}

void gaudi_section_commit(uint64_t *sequence)
{
    gaudi_store_u64(sequence, gaudi_load_u64(sequence) + 1);
    gaudi_kill_point("section committed");
}

void gaudi_section_write(uint64_t *sequence, size_t slot_size, const void *in)
{
    gaudi_section_fill(sequence, slot_size, in);
    gaudi_section_commit(sequence);
}
