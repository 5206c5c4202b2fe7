/* Packets as they stand in a ring: BTH, then RETH, AETH or immediate data, payload, CRC. Headers are big-endian and laid
 * out as InfiniBand's RC transport has them, which RoCEv2 carries in UDP. Pure; private to csrc/fabric. */
#ifndef GAUDI_FABRIC_WIRE_H
#define GAUDI_FABRIC_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* RC opcodes of the InfiniBand transport. */
enum wire_opcode {
    WIRE_SEND_FIRST = 0x00,
    WIRE_SEND_MIDDLE = 0x01,
    WIRE_SEND_LAST = 0x02,
    WIRE_SEND_LAST_IMM = 0x03,
    WIRE_SEND_ONLY = 0x04,
    WIRE_SEND_ONLY_IMM = 0x05,
    WIRE_WRITE_FIRST = 0x06,
    WIRE_WRITE_MIDDLE = 0x07,
    WIRE_WRITE_LAST = 0x08,
    WIRE_WRITE_LAST_IMM = 0x09,
    WIRE_WRITE_ONLY = 0x0a,
    WIRE_WRITE_ONLY_IMM = 0x0b,
    WIRE_READ_REQUEST = 0x0c,
    WIRE_READ_FIRST = 0x0d,
    WIRE_READ_MIDDLE = 0x0e,
    WIRE_READ_LAST = 0x0f,
    WIRE_READ_ONLY = 0x10,
    WIRE_ACKNOWLEDGE = 0x11
};

/* AETH syndromes: the upper three bits say which kind, the lower five more. */
enum wire_syndrome {
    WIRE_ACK = 0x00,
    WIRE_RNR_NAK = 0x20,
    WIRE_NAK_SEQUENCE = 0x60,
    WIRE_NAK_INVALID_REQUEST = 0x61,
    WIRE_NAK_REMOTE_ACCESS = 0x62,
    WIRE_NAK_REMOTE_OPERATION = 0x63
};

enum { WIRE_BTH = 12, WIRE_RETH = 16, WIRE_AETH = 4, WIRE_IMM = 4, WIRE_CRC = 4, WIRE_HEADER_MAX = 32 };

/* What Ethernet (14), IPv4 (20), UDP (8) and the frame check sequence (4) add to a packet: the length of its frame; and
 * preamble (8) and inter packet gap (12): what it takes of the wire. */
enum { WIRE_FRAME_OVERHEAD = 46, WIRE_GAP = 20 };

/* A packet without its payload. Fields that the opcode does not have are 0. */
typedef struct wire_header {
    uint8_t opcode;
    bool wants_ack;
    uint32_t qp_num; /* of the destination */
    uint32_t psn;
    uint64_t address; /* RETH */
    uint32_t rkey;
    uint32_t length;
    uint8_t syndrome; /* AETH */
    uint32_t msn;
    uint32_t imm_data;
} wire_header;

/* Bytes of the headers of an opcode, or 0 if it is none of ours. */
size_t wire_header_size(uint8_t opcode);

/* Write the headers; returns their size. `out` has room for WIRE_HEADER_MAX. */
size_t wire_encode(const wire_header *header, uint8_t *out);

/* Read them from a packet of `size` bytes (with CRC). Returns their size, or 0 if the packet is malformed. */
size_t wire_decode(const uint8_t *packet, size_t size, wire_header *header);

/* Distance from b to a among 24-bit packet sequence numbers, -2^23 ... 2^23 - 1. */
int32_t wire_psn_distance(uint32_t a, uint32_t b);

#endif
