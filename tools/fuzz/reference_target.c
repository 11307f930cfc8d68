/* One input for the reference codec: whatever it is, nothing is read or written beyond its end, and what was read is
 * written as it was. The first byte says what the rest is: a stream, a payload behind its type, a coded spectrum.
 * With ASKED a program that is asked on stdin, a length and as many bytes each, and answers one byte: whether the
 * input went a way through the codec that none before it went. Without, a target for libFuzzer. */
#include <stdlib.h>
#include <string.h>

#include "pointillist_codec.h"

#define ROOM 1024u
#define CHANNELS 16u
#define MOST_CHANNELS 16384u

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t size);

static uint32_t counts[MOST_CHANNELS];

#define CARRY(record, FIELDS) \
    static void carry_##record(pt_reader *reader, pt_writer *writer) { \
        pt_##record value; \
        if (pt_get_##record(reader, &value)) \
            pt_put_##record(writer, &value); \
    }
PT_RECORDS(CARRY)

static void carry_none(pt_reader *reader, pt_writer *writer) {
    (void)reader;
    (void)writer;
}

static void carry_text(pt_reader *reader, pt_writer *writer) {
    pt_put_bytes(writer, reader->at, reader->left);
    reader->at += reader->left;
    reader->left = 0;
}

/* Returns whether what was written is to be the same: counts may be coded in several ways, and are written in one. */
static bool carry_tail(pt_reader *reader, pt_writer *writer, void (*carry)(pt_reader *, pt_writer *)) {
    while (reader->ok && reader->left > 0 && carry != carry_none) {
        carry(reader, writer);
        if (carry != carry_entry || !reader->ok)
            continue;
        if (pt_get_spectrum(reader, counts, CHANNELS))
            pt_put_spectrum(writer, counts, CHANNELS);
    }
    return carry != carry_entry;
}

static void check_payload(uint8_t type, pt_reader payload) {
    const uint8_t *const from = payload.at;
    const size_t size = payload.left;
    uint8_t *again = malloc(8 * ROOM);
    bool is_same = false;
    pt_writer writer;
    pt_begin_payload(&writer, again, 8 * ROOM);
    switch (type) {
#define CASE(name, number, record, tail) \
    case number: \
        carry_##record(&payload, &writer); \
        is_same = carry_tail(&payload, &writer, carry_##tail); \
        break;
        PT_MESSAGES(CASE)
    default:
        payload.ok = false;
    }
    if (pt_is_read(&payload) && is_same && (writer.size != size || memcmp(again, from, size) != 0))
        abort();
    free(again);
}

static void check_stream(const uint8_t *octets, size_t size) {
    pt_deframer deframer;
    pt_header header;
    pt_reader payload;
    uint8_t *room = malloc(ROOM); /* of the exact size, so that a sanitizer sees a byte beyond it */
    pt_begin_deframing(&deframer, room, ROOM);
    for (size_t i = 0; i < size; i++)
        if (pt_deframe(&deframer, octets[i], &header, &payload)) {
            if (payload.left + PT_OVERHEAD > ROOM)
                abort();
            check_payload(header.type, payload);
        }
    free(room);
}

static void check_frame(const uint8_t *octets, size_t size) {
    const pt_header header = {PT_VERSION, size > 0 ? octets[0] : 0, 1, 2, 3, 4};
    const size_t content = size > 0 ? size - 1 : 0;
    uint8_t *frame = malloc(PT_FRAME_BYTES(content));
    pt_writer writer;
    pt_begin_frame(&writer, frame, PT_FRAME_BYTES(content), &header);
    pt_put_bytes(&writer, octets + (size > 0), content);
    const size_t length = pt_end_frame(&writer);
    if (length == 0)
        abort();
    check_stream(frame, length);
    free(frame);
}

static void check_spectrum(const uint8_t *octets, size_t size) {
    if (size < 2)
        return;
    const size_t channels = 16 + (octets[0] + 256u * octets[1]) % (MOST_CHANNELS - 15);
    pt_reader reader = {octets + 2, size - 2, true};
    if (!pt_get_spectrum(&reader, counts, channels))
        return;
    uint32_t *before = malloc(channels * sizeof *before);
    uint8_t *coded = malloc(5 * channels + 3);
    pt_writer writer;
    memcpy(before, counts, channels * sizeof *before);
    pt_begin_payload(&writer, coded, 5 * channels + 3);
    pt_put_spectrum(&writer, counts, channels);
    reader = (pt_reader){coded, writer.size, true};
    if (!pt_get_spectrum(&reader, counts, channels) || memcmp(before, counts, channels * sizeof *before) != 0)
        abort();
    free(coded);
    free(before);
}

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t size) {
    if (size == 0)
        return 0;
    switch (octets[0] % 3) {
    case 0:
        check_stream(octets + 1, size - 1);
        break;
    case 1:
        check_frame(octets + 1, size - 1);
        break;
    default:
        check_spectrum(octets + 1, size - 1);
    }
    return 0;
}

#ifdef ASKED
#include <stdio.h>

#define WAYS 65536u

void __sanitizer_cov_trace_pc(void);

static uint8_t seen[WAYS];
static uintptr_t before;
static bool is_new;

/* Called by the codec at every branch: a way is a pair of places, one after the other. */
void __sanitizer_cov_trace_pc(void) {
    const uintptr_t here = (uintptr_t)__builtin_return_address(0);
    uint8_t *way = &seen[(here ^ (before << 1)) % WAYS];
    is_new = is_new || *way == 0;
    *way = 1;
    before = here;
}

int main(void) {
    uint8_t length[4];
    while (fread(length, 1, sizeof length, stdin) == sizeof length) {
        const size_t size = length[0] | (size_t)length[1] << 8 | (size_t)length[2] << 16 | (size_t)length[3] << 24;
        uint8_t *octets = malloc(size + (size == 0));
        if (octets == NULL || fread(octets, 1, size, stdin) != size)
            return 1;
        before = 0;
        is_new = false;
        LLVMFuzzerTestOneInput(octets, size);
        free(octets);
        putchar(is_new);
        fflush(stdout);
    }
    return 0;
}
#endif
