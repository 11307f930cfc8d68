/* Answers questions about the reference codec: one a line on stdin, answers up to a line with a dot on stdout. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pointillist_codec.h"

#define LONGEST 140000u

static char question[4 * LONGEST];
static uint8_t octets[2 * LONGEST], kept[LONGEST], again[LONGEST];
static uint32_t counts[20000];

static size_t read_hex(const char *text, uint8_t *into) {
    size_t size = 0;
    for (unsigned octet; sscanf(text + 2 * size, "%2x", &octet) == 1; size++)
        into[size] = (uint8_t)octet;
    return size;
}

static void show_hex(const uint8_t *bytes, size_t size) {
    for (size_t i = 0; i < size; i++)
        printf("%02x", bytes[i]);
}

#define SHOW(kind, name) printf(" " #name "=%" PRId64, (int64_t)value.name);
#define CARRY(record, FIELDS) \
    static void carry_##record(pt_reader *reader, pt_writer *writer) { \
        pt_##record value; \
        if (pt_get_##record(reader, &value)) { \
            FIELDS(SHOW) \
            pt_put_##record(writer, &value); \
        } \
    }
PT_RECORDS(CARRY)

static void carry_none(pt_reader *reader, pt_writer *writer) {
    (void)reader;
    (void)writer;
}

static void carry_text(pt_reader *reader, pt_writer *writer) {
    printf(" text=");
    show_hex(reader->at, reader->left);
    pt_put_bytes(writer, reader->at, reader->left);
    reader->left = 0;
}

static void carry_tail(pt_reader *reader, pt_writer *writer, void (*carry)(pt_reader *, pt_writer *), size_t channels) {
    while (reader->ok && reader->left > 0 && carry != carry_none) {
        carry(reader, writer);
        if (carry != carry_entry || !reader->ok)
            continue;
        if (!pt_get_spectrum(reader, counts, channels))
            return;
        pt_put_spectrum(writer, counts, channels);
    }
}

static void show_frame(const pt_header *header, pt_reader *payload, size_t channels) {
    pt_writer writer;
    printf("%u %u %" PRIu32 " %u %u %u ", header->version, header->type, header->nonce, header->sequence,
           header->acknowledgement, header->credits);
    show_hex(payload->at, payload->left);
    printf(" |");
    pt_begin_frame(&writer, again, sizeof again, header);
    switch (header->type) {
#define CASE(name, number, record, tail) \
    case number: \
        carry_##record(payload, &writer); \
        carry_tail(payload, &writer, carry_##tail, channels); \
        break;
        PT_MESSAGES(CASE)
    default:
        payload->ok = false;
    }
    printf(" | ");
    if (pt_is_read(payload))
        show_hex(again, pt_end_frame(&writer));
    else
        printf("malformed");
    printf("\n");
}

static void answer_stream(char *rest) {
    pt_deframer deframer;
    pt_header header;
    pt_reader payload;
    const size_t room = strtoul(rest, &rest, 10), channels = strtoul(rest, &rest, 10);
    uint8_t *buffer = malloc(room); /* of the exact size, so that a sanitizer sees a byte beyond it */
    const size_t size = read_hex(rest + 1, octets);
    pt_begin_deframing(&deframer, buffer, room);
    for (size_t i = 0; i < size; i++)
        if (pt_deframe(&deframer, octets[i], &header, &payload))
            show_frame(&header, &payload, channels);
    printf("rejected %" PRIu32 "\n", deframer.rejected);
    free(buffer);
}

static void answer_spectrum(char *rest) {
    const size_t channels = strtoul(rest, &rest, 10);
    const size_t size = read_hex(rest + 1, octets);
    pt_reader reader = {octets, size, true};
    pt_writer writer;
    pt_begin_payload(&writer, kept, sizeof kept);
    if (!pt_get_spectrum(&reader, counts, channels) || !pt_is_read(&reader)) {
        printf("refused\n");
        return;
    }
    for (size_t channel = 0; channel < channels; channel++)
        printf(channel ? " %" PRIu32 : "%" PRIu32, counts[channel]);
    printf("\n");
    pt_put_spectrum(&writer, counts, channels);
    show_hex(kept, writer.size);
    printf("\n");
}

#define SHOW_FIELD(kind, name) printf(" " #name ":" #kind);
#define SHOW_RECORD(record, FIELDS) \
    printf("record " #record); \
    FIELDS(SHOW_FIELD) \
    printf("\n");
#define SHOW_MESSAGE(name, number, record, tail) printf("message " #name " %d " #record " " #tail "\n", number);

int main(void) {
    while (fgets(question, sizeof question, stdin) != NULL) {
        if (strncmp(question, "stream ", 7) == 0)
            answer_stream(question + 7);
        else if (strncmp(question, "spectrum ", 9) == 0)
            answer_spectrum(question + 9);
        else if (strncmp(question, "tables", 6) == 0) {
            PT_RECORDS(SHOW_RECORD)
            PT_MESSAGES(SHOW_MESSAGE)
        }
        printf(".\n");
        fflush(stdout);
    }
    return 0;
}
