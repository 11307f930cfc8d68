/* The native protocol, version 1, for firmware: frames, messages and sparse spectra. See ../PROTOCOL.md.
 *
 * C99, no heap, no globals, no dependencies; every buffer is the caller's. Not in here, for they are the firmware's:
 * ports, timers, sequence numbers, repeats, credits and the shutter's lease.
 */
#ifndef POINTILLIST_CODEC_H
#define POINTILLIST_CODEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PT_VERSION 1
#define PT_OVERHEAD 16   /* header and CRC of a frame, before stuffing */
#define PT_MAX_TEXT 120  /* bytes of WELCOME's and FAULT's text */
#define PT_UNSEQUENCED 0x40u
#define PT_FROM_CONTROLLER 0x80u
/* Bytes on the line of a frame that holds a payload of n bytes, delimiter included. */
#define PT_FRAME_BYTES(n) ((n) + PT_OVERHEAD + ((n) + PT_OVERHEAD) / 254 + 2)

typedef uint8_t pt_u8;
typedef uint16_t pt_u16;
typedef uint32_t pt_u32;
typedef uint64_t pt_u48; /* six bytes on the line */
typedef uint64_t pt_u64;
typedef int32_t pt_i32;

/* The header, and the fixed part of each message, as in the tables of the page: F(type, field). */
#define PT_HEADER_FIELDS(F) F(u8, version) F(u8, type) F(u32, nonce) F(u16, sequence) F(u16, acknowledgement) \
    F(u16, credits)
#define PT_HELLO_FIELDS(F) F(u8, lowest_version) F(u8, highest_version) F(u8, window) F(u32, max_frame)
#define PT_ACK_FIELDS(F) F(u32, arrived)
#define PT_PING_FIELDS(F) F(u32, token)
#define PT_RENEW_FIELDS(F) F(u32, token) F(u16, lease_ms)
#define PT_ABORT_FIELDS(F) F(u32, token) F(u16, void_through)
#define PT_REQUEST_FIELDS(F) F(u16, request)
#define PT_CONFIGURE_FIELDS(F) F(u16, request) F(u32, speed_um_s) F(u32, acceleration_um_s2) F(u32, settle_us)
#define PT_MOVE_FIELDS(F) F(u16, request) F(i32, x_um) F(i32, y_um)
#define PT_DWELLS_FIELDS(F) F(u32, first_index) F(u32, live_us)
#define PT_STROKES_FIELDS(F) F(u32, first_index) F(u32, duration_us)
#define PT_OPEN_FIELDS(F) F(u16, request) F(u16, lease_ms)
#define PT_BEGIN_FIELDS(F) F(u16, request) F(u64, scan_id)
#define PT_WELCOME_FIELDS(F) F(u8, protocol_version) F(u32, boot_id) F(i32, x_min_um) F(i32, x_max_um) \
    F(i32, y_min_um) F(i32, y_max_um) F(u32, max_speed_um_s) F(u32, max_acceleration_um_s2) F(u16, channels) \
    F(u16, queue_length) F(u16, store_length) F(u16, max_lease_ms) F(u8, window) F(u32, max_frame)
#define PT_PONG_FIELDS(F) F(u32, token) F(u48, time_us) F(u8, conditions)
#define PT_ABORTED_FIELDS(F) F(u32, token)
#define PT_NO_SESSION_FIELDS(F) F(u32, boot_id)
#define PT_REPLY_FIELDS(F) F(u16, request) F(u16, code)
#define PT_STATUS_FIELDS(F) F(u16, request) F(u8, state) F(u8, conditions) F(i32, x_um) F(i32, y_um) \
    F(u48, time_us) F(u16, queue_free) F(u16, kept) F(u16, code) F(u32, standoff_um)
#define PT_FAULT_FIELDS(F) F(u16, code) F(u48, time_us)
#define PT_REFUSED_FIELDS(F) F(u32, index) F(u16, code)
/* What stands in tails, once or many times. */
#define PT_PAIR_FIELDS(F) F(i32, x_um) F(i32, y_um)
#define PT_QUAD_FIELDS(F) F(i32, x0_um) F(i32, y0_um) F(i32, x1_um) F(i32, y1_um)
#define PT_RANGE_FIELDS(F) F(u32, first) F(u16, count)
#define PT_ENTRY_FIELDS(F) F(u32, index) F(u48, opened_us) F(u32, real_us) F(u32, live_us) F(u32, input_events) \
    F(i32, start_x_um) F(i32, start_y_um) F(i32, end_x_um) F(i32, end_y_um) F(u8, flags)

/* M(record, FIELDS): each becomes a struct pt_<record> and a pair pt_put_<record>, pt_get_<record>. */
#define PT_RECORDS(M) \
    M(header, PT_HEADER_FIELDS) M(hello, PT_HELLO_FIELDS) M(ack, PT_ACK_FIELDS) M(ping, PT_PING_FIELDS) \
    M(renew, PT_RENEW_FIELDS) M(abort, PT_ABORT_FIELDS) M(request, PT_REQUEST_FIELDS) \
    M(configure, PT_CONFIGURE_FIELDS) M(move, PT_MOVE_FIELDS) M(dwells, PT_DWELLS_FIELDS) \
    M(strokes, PT_STROKES_FIELDS) M(open, PT_OPEN_FIELDS) M(begin, PT_BEGIN_FIELDS) M(welcome, PT_WELCOME_FIELDS) \
    M(pong, PT_PONG_FIELDS) M(aborted, PT_ABORTED_FIELDS) M(no_session, PT_NO_SESSION_FIELDS) \
    M(reply, PT_REPLY_FIELDS) M(status, PT_STATUS_FIELDS) M(fault, PT_FAULT_FIELDS) M(refused, PT_REFUSED_FIELDS) \
    M(pair, PT_PAIR_FIELDS) M(quad, PT_QUAD_FIELDS) M(range, PT_RANGE_FIELDS) M(entry, PT_ENTRY_FIELDS)

/* M(NAME, type, record or none, what its tail repeats or none). */
#define PT_MESSAGES(M) \
    M(CONFIGURE, 0x01, configure, none) M(HOME, 0x02, request, none) M(MOVE, 0x03, move, none) \
    M(DWELLS, 0x04, dwells, pair) M(STROKES, 0x05, strokes, quad) M(OPEN, 0x06, open, none) \
    M(CLOSE, 0x07, request, none) M(PAUSE, 0x08, request, none) M(RESUME, 0x09, request, none) \
    M(STOP, 0x0A, request, none) M(ASK_STATUS, 0x0B, request, none) M(FORGET, 0x0C, none, range) \
    M(BEGIN, 0x0D, begin, none) M(OFFER, 0x0E, request, none) M(HELLO, 0x41, hello, none) \
    M(HOST_ACK, 0x42, ack, none) M(PING, 0x43, ping, none) M(RENEW, 0x44, renew, none) M(ABORT, 0x45, abort, none) \
    M(BYE, 0x46, none, none) M(REPLY, 0x81, reply, none) M(STATUS, 0x82, status, none) \
    M(SPECTRA, 0x83, none, entry) M(FAULT, 0x84, fault, text) M(REFUSED, 0x85, refused, none) \
    M(RETAINED, 0x86, request, range) M(WELCOME, 0xC1, welcome, text) M(CONTROLLER_ACK, 0xC2, ack, none) \
    M(PONG, 0xC3, pong, none) M(ABORTED, 0xC5, aborted, none) M(NO_SESSION, 0xC6, no_session, none)

#define PT_CONSTANT(name, number, record, tail) PT_##name = number,
enum pt_type { PT_MESSAGES(PT_CONSTANT) PT_TYPE_END };

/* Codes of section 7; the firmware's own begin at 128. */
enum pt_code {
    PT_CODE_OK, PT_CODE_NOT_HOMED, PT_CODE_LIMIT, PT_CODE_DOOR_OPEN, PT_CODE_LEASE_EXPIRED, PT_CODE_SHUTTER_OPEN,
    PT_CODE_BUSY, PT_CODE_ABORTED, PT_CODE_UNSUPPORTED, PT_CODE_MALFORMED, PT_CODE_LEASE_TOO_LONG, PT_CODE_TOO_FAST,
    PT_CODE_LIVE_TIME, PT_CODE_NO_SCAN, PT_CODE_FAULTED, PT_CODE_STANDOFF, PT_CODE_STALLED = 32, PT_CODE_LIMIT_SWITCH,
    PT_CODE_DETECTOR, PT_CODE_SHUTTER_STUCK
};

/* Bytes to be written, plain or as one frame. What doesn't fit is counted in `size`, and never written. */
typedef struct {
    uint8_t *bytes;
    size_t room, size;
    size_t raw;       /* bytes put, before stuffing: with the CRC's four, what the host's max_frame limits */
    size_t code_at;   /* where the open COBS block's length belongs */
    uint32_t crc;
    uint8_t code;     /* that length so far */
    bool stuffs;
} pt_writer;

/* Bytes to be read; `ok` turns false, and numbers 0, where they end too early. */
typedef struct {
    const uint8_t *at;
    size_t left;
    bool ok;
} pt_reader;

/* Cuts a stream into frames; `bytes` holds one frame, unstuffed, and is as long as WELCOME's max_frame. */
typedef struct {
    uint8_t *bytes;
    size_t room, size;
    uint32_t rejected; /* stretches between delimiters that were no frame */
    uint8_t left;      /* bytes that the open COBS block still has */
    bool owes_zero, is_overlong;
} pt_deframer;

#define PT_MEMBER(kind, name) pt_##kind name;
#define PT_DECLARE(record, FIELDS) \
    typedef struct { FIELDS(PT_MEMBER) } pt_##record; \
    void pt_put_##record(pt_writer *writer, const pt_##record *from); \
    bool pt_get_##record(pt_reader *reader, pt_##record *into);
PT_RECORDS(PT_DECLARE)

/* Start a payload of its own, to be kept for repeats. Afterwards it is complete if size <= room. */
void pt_begin_payload(pt_writer *writer, uint8_t *bytes, size_t room);
/* Start a frame; then put the payload's parts; then end it. */
void pt_begin_frame(pt_writer *writer, uint8_t *bytes, size_t room, const pt_header *header);
/* Bytes on the line, delimiter included; 0: there was no room. */
size_t pt_end_frame(pt_writer *writer);

void pt_begin_deframing(pt_deframer *deframer, uint8_t *bytes, size_t room);
/* Take one byte from the line. True when it completes a frame: its header, and a reader on its payload, which lies
 * in the deframer's buffer until the next byte is taken. The version is for the caller to check. */
bool pt_deframe(pt_deframer *deframer, uint8_t octet, pt_header *header, pt_reader *payload);

void pt_put_bytes(pt_writer *writer, const void *bytes, size_t count);
/* One spectrum with its length before it, as an entry of SPECTRA ends. */
void pt_put_spectrum(pt_writer *writer, const uint32_t *counts, size_t channels);
/* The same back; false where the bytes are no spectrum of so many channels. */
bool pt_get_spectrum(pt_reader *reader, uint32_t *counts, size_t channels);
/* Whether everything has been read, and nothing was missing: the last question about any payload. */
bool pt_is_read(const pt_reader *reader);

#endif
