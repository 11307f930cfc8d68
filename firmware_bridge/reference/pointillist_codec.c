#include "pointillist_codec.h"

#include <string.h>

#define CRC_BYTES 4u
#define BLOCK 255u          /* code of a full COBS block: 254 bytes and no zero after them */
#define TOKEN_BYTES 5u
#define LENGTH_BYTES 3u

/* CRC-32 (ISO-HDLC), four bits at a time: 64 bytes of table. */
static uint32_t crc_of(uint32_t crc, uint8_t octet) {
    static const uint32_t table[16] = {
        0x00000000u, 0x1DB71064u, 0x3B6E20C8u, 0x26D930ACu, 0x76DC4190u, 0x6B6B51F4u, 0x4DB26158u, 0x5005713Cu,
        0xEDB88320u, 0xF00F9344u, 0xD6D6A3E8u, 0xCB61B38Cu, 0x9B64C2B0u, 0x86D3D2D4u, 0xA00AE278u, 0xBDBDF21Cu};
    crc = table[(crc ^ octet) & 15u] ^ (crc >> 4);
    return table[(crc ^ ((uint32_t)octet >> 4)) & 15u] ^ (crc >> 4);
}

static void emit(pt_writer *writer, uint8_t octet) {
    if (writer->size < writer->room)
        writer->bytes[writer->size] = octet;
    writer->size++;
}

static void close_block(pt_writer *writer) {
    if (writer->code_at < writer->room)
        writer->bytes[writer->code_at] = writer->code;
}

static void open_block(pt_writer *writer) {
    writer->code_at = writer->size;
    writer->code = 1;
    emit(writer, 1);
}

static void put(pt_writer *writer, uint8_t octet) {
    writer->raw++;
    if (!writer->stuffs) {
        emit(writer, octet);
        return;
    }
    writer->crc = crc_of(writer->crc, octet);
    if (writer->code == BLOCK)
        open_block(writer);
    if (octet != 0) {
        emit(writer, octet);
        writer->code++;
    }
    if (octet == 0 || writer->code == BLOCK)
        close_block(writer);
    if (octet == 0)
        open_block(writer);
}

static void put_number(pt_writer *writer, uint64_t number, size_t octets) {
    for (; octets > 0; octets--, number >>= 8)
        put(writer, (uint8_t)(number & 0xFFu));
}

static void put_varint(pt_writer *writer, uint64_t number) {
    for (; number >= 0x80u; number >>= 7)
        put(writer, (uint8_t)((number & 0x7Fu) | 0x80u));
    put(writer, (uint8_t)number);
}

void pt_begin_payload(pt_writer *writer, uint8_t *bytes, size_t room) {
    *writer = (pt_writer){.bytes = bytes, .room = room};
}

void pt_begin_frame(pt_writer *writer, uint8_t *bytes, size_t room, const pt_header *header) {
    pt_begin_payload(writer, bytes, room);
    writer->stuffs = true;
    writer->crc = 0xFFFFFFFFu;
    open_block(writer);
    pt_put_header(writer, header);
}

size_t pt_end_frame(pt_writer *writer) {
    put_number(writer, writer->crc ^ 0xFFFFFFFFu, CRC_BYTES);
    close_block(writer);
    emit(writer, 0);
    return writer->size <= writer->room ? writer->size : 0;
}

void pt_put_bytes(pt_writer *writer, const void *bytes, size_t count) {
    const uint8_t *from = bytes;
    for (size_t i = 0; i < count; i++)
        put(writer, from[i]);
}

static void put_tokens(pt_writer *writer, const uint32_t *counts, size_t channels) {
    uint64_t gap = 0;
    for (size_t channel = 0; channel < channels; channel++) {
        const uint32_t count = counts[channel];
        if (count == 0) {
            gap++;
            continue;
        }
        if (gap > 0)
            put_varint(writer, ((gap - 1) << 2) | (count == 1 ? 3u : 1u));
        if (gap == 0 || count != 1)
            put_varint(writer, (uint64_t)count << 1);
        gap = 0;
    }
    if (gap > 0)
        put_varint(writer, ((gap - 1) << 2) | 1u);
}

void pt_put_spectrum(pt_writer *writer, const uint32_t *counts, size_t channels) {
    pt_writer measure;
    pt_begin_payload(&measure, NULL, 0);
    put_tokens(&measure, counts, channels);
    put_varint(writer, measure.size);
    put_tokens(writer, counts, channels);
}

static uint8_t get(pt_reader *reader) {
    if (reader->left == 0) {
        reader->ok = false;
        return 0;
    }
    reader->left--;
    return *reader->at++;
}

static uint64_t get_number(pt_reader *reader, unsigned octets) {
    uint64_t number = 0;
    for (unsigned place = 0; place < octets; place++)
        number |= (uint64_t)get(reader) << (8 * place);
    return number;
}

static uint64_t get_varint(pt_reader *reader, unsigned longest) {
    uint64_t number = 0;
    for (unsigned place = 0; place < longest; place++) {
        const uint8_t octet = get(reader);
        number |= (uint64_t)(octet & 0x7Fu) << (7 * place);
        if (octet < 0x80u)
            return number;
    }
    reader->ok = false;
    return 0;
}

/* Whether the tokens of one spectrum cover its channels exactly. */
static bool get_tokens(pt_reader *tokens, uint32_t *counts, size_t channels) {
    size_t channel = 0;
    memset(counts, 0, channels * sizeof *counts);
    if (memchr(tokens->at, 0, tokens->left) != NULL)
        return false;
    while (tokens->left > 0) {
        const uint64_t token = get_varint(tokens, TOKEN_BYTES);
        const bool is_run = (token & 1u) != 0;
        const uint64_t run = is_run ? (token >> 2) + 1 : 0;
        const size_t counted = (token & 3u) == 1u ? 0 : 1;
        if (!tokens->ok || run + counted > channels - channel || (!is_run && token >> 1 > UINT32_MAX))
            return false;
        channel += (size_t)run + counted;
        if (counted)
            counts[channel - 1] = is_run ? 1u : (uint32_t)(token >> 1);
    }
    return channel == channels;
}

bool pt_get_spectrum(pt_reader *reader, uint32_t *counts, size_t channels) {
    const uint64_t size = get_varint(reader, LENGTH_BYTES);
    pt_reader tokens = {reader->at, (size_t)size, true};
    if (!reader->ok || size > reader->left) {
        reader->ok = false;
        return false;
    }
    reader->at += (size_t)size;
    reader->left -= (size_t)size;
    return get_tokens(&tokens, counts, channels);
}

bool pt_is_read(const pt_reader *reader) {
    return reader->ok && reader->left == 0;
}

void pt_begin_deframing(pt_deframer *deframer, uint8_t *bytes, size_t room) {
    *deframer = (pt_deframer){.bytes = bytes, .room = room};
}

static void keep(pt_deframer *deframer, uint8_t octet) {
    if (deframer->size < deframer->room)
        deframer->bytes[deframer->size++] = octet;
    else
        deframer->is_overlong = true;
}

static bool is_frame(const pt_deframer *deframer) {
    uint32_t crc = 0xFFFFFFFFu;
    if (deframer->is_overlong || deframer->left != 0 || deframer->size < PT_OVERHEAD)
        return false;
    for (size_t i = 0; i < deframer->size; i++)
        crc = crc_of(crc, deframer->bytes[i]);
    return crc == 0xDEBB20E3u; /* what is left when a right CRC has gone through itself */
}

bool pt_deframe(pt_deframer *deframer, uint8_t octet, pt_header *header, pt_reader *payload) {
    if (octet != 0) {
        if (deframer->left > 0) {
            deframer->left--;
            keep(deframer, octet);
            return false;
        }
        if (deframer->owes_zero)
            keep(deframer, 0);
        deframer->left = (uint8_t)(octet - 1u);
        deframer->owes_zero = octet != BLOCK;
        return false;
    }
    const bool is_right = is_frame(deframer);
    const pt_reader content = {deframer->bytes, is_right ? deframer->size - CRC_BYTES : 0, true};
    if (!is_right && (deframer->size > 0 || deframer->left > 0 || deframer->owes_zero || deframer->is_overlong))
        deframer->rejected++;
    *deframer = (pt_deframer){.bytes = deframer->bytes, .room = deframer->room, .rejected = deframer->rejected};
    *payload = content;
    return is_right && pt_get_header(payload, header);
}

static int32_t signed_of(uint64_t number) {
    return (int32_t)(number > INT32_MAX ? (int64_t)number - 4294967296 : (int64_t)number);
}

#define PUT_u8(writer, number) put_number(writer, number, 1)
#define PUT_u16(writer, number) put_number(writer, number, 2)
#define PUT_u32(writer, number) put_number(writer, number, 4)
#define PUT_u48(writer, number) put_number(writer, number, 6)
#define PUT_u64(writer, number) put_number(writer, number, 8)
#define PUT_i32(writer, number) put_number(writer, (uint32_t)(number), 4)
#define GET_u8(reader) (uint8_t)get_number(reader, 1)
#define GET_u16(reader) (uint16_t)get_number(reader, 2)
#define GET_u32(reader) (uint32_t)get_number(reader, 4)
#define GET_u48(reader) get_number(reader, 6)
#define GET_u64(reader) get_number(reader, 8)
#define GET_i32(reader) signed_of(get_number(reader, 4))
#define PUT_FIELD(kind, name) PUT_##kind(writer, from->name);
#define GET_FIELD(kind, name) into->name = GET_##kind(reader);
#define DEFINE(record, FIELDS) \
    void pt_put_##record(pt_writer *writer, const pt_##record *from) { FIELDS(PUT_FIELD) } \
    bool pt_get_##record(pt_reader *reader, pt_##record *into) { FIELDS(GET_FIELD) return reader->ok; }
PT_RECORDS(DEFINE)
