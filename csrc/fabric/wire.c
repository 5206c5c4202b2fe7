/* Packets to bytes and back. */
#include "wire.h"

static void put(uint8_t **at, uint64_t value, size_t bytes)
{
    for (size_t i = bytes; i-- > 0;)
        *(*at)++ = (uint8_t)(value >> (8 * i));
}

static uint64_t take(const uint8_t **at, size_t bytes)
{
    uint64_t value = 0;
    for (size_t i = 0; i < bytes; i++)
        value = value << 8 | *(*at)++;
    return value;
}

static bool has_reth(uint8_t opcode)
{
    return opcode == WIRE_WRITE_FIRST || opcode == WIRE_WRITE_ONLY || opcode == WIRE_WRITE_ONLY_IMM ||
           opcode == WIRE_READ_REQUEST;
}

static bool has_aeth(uint8_t opcode)
{
    return opcode == WIRE_READ_FIRST || opcode == WIRE_READ_LAST || opcode == WIRE_READ_ONLY ||
           opcode == WIRE_ACKNOWLEDGE;
}

static bool has_immediate(uint8_t opcode)
{
    return opcode == WIRE_SEND_LAST_IMM || opcode == WIRE_SEND_ONLY_IMM || opcode == WIRE_WRITE_LAST_IMM ||
           opcode == WIRE_WRITE_ONLY_IMM;
}

size_t wire_header_size(uint8_t opcode)
{
    size_t size = WIRE_BTH;
    if (opcode > WIRE_ACKNOWLEDGE)
        return 0;
    if (has_reth(opcode))
        size += WIRE_RETH;
    if (has_aeth(opcode))
        size += WIRE_AETH;
    if (has_immediate(opcode))
        size += WIRE_IMM;
    return size;
}

size_t wire_encode(const wire_header *h, uint8_t *out)
{
    uint8_t *at = out;
    put(&at, h->opcode, 1);
    put(&at, 0, 1);          /* solicited event, migration, padding, version */
    put(&at, 0xffff, 2);     /* default partition key */
    put(&at, h->qp_num, 4);  /* 8 reserved bits in front of 24 */
    put(&at, (h->wants_ack ? UINT64_C(1) << 31 : 0) | (h->psn & 0xffffff), 4);
    if (has_reth(h->opcode)) {
        put(&at, h->address, 8);
        put(&at, h->rkey, 4);
        put(&at, h->length, 4);
    }
    if (has_aeth(h->opcode))
        put(&at, (uint64_t)h->syndrome << 24 | (h->msn & 0xffffff), 4);
    if (has_immediate(h->opcode))
        put(&at, h->imm_data, 4);
    return (size_t)(at - out);
}

size_t wire_decode(const uint8_t *packet, size_t size, wire_header *h)
{
    const uint8_t *at = packet;
    size_t bytes = size >= WIRE_BTH + WIRE_CRC ? wire_header_size(packet[0]) : 0;
    if (bytes == 0 || size < bytes + WIRE_CRC)
        return 0;
    *h = (wire_header){.opcode = (uint8_t)take(&at, 1)};
    uint64_t flags = take(&at, 1);
    uint64_t partition = take(&at, 2);
    h->qp_num = (uint32_t)take(&at, 4) & 0xffffff;
    uint32_t psn = (uint32_t)take(&at, 4);
    h->wants_ack = psn >> 31;
    h->psn = psn & 0xffffff;
    if (has_reth(h->opcode)) {
        h->address = take(&at, 8);
        h->rkey = (uint32_t)take(&at, 4);
        h->length = (uint32_t)take(&at, 4);
    }
    if (has_aeth(h->opcode)) {
        uint32_t aeth = (uint32_t)take(&at, 4);
        h->syndrome = (uint8_t)(aeth >> 24);
        h->msn = aeth & 0xffffff;
    }
    if (has_immediate(h->opcode))
        h->imm_data = (uint32_t)take(&at, 4);
    return flags == 0 && partition == 0xffff ? bytes : 0;
}

int32_t wire_psn_distance(uint32_t a, uint32_t b)
{
    uint32_t difference = (a - b) & 0xffffff;
    return difference < 0x800000 ? (int32_t)difference : (int32_t)difference - 0x1000000;
}
