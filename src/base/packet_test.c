/* SPDX-License-Identifier: MIT */
#include "base/packet.h"

#include "base/alloc.h"
#include "base/buf.h"

/* clang-format off */
#include <setjmp.h> /* cmocka.h stands on these four */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <stdlib.h>

static sl_buf *buf_with(size_t headroom, const char *text)
{
    sl_buf *b = sl_buf_new(headroom, strlen(text));

    memset(b->bytes, '.', headroom);
    memcpy(sl__buf_data(b), text, strlen(text));
    b->len = strlen(text);
    return b;
}

static sl_message message_of(sl_buf *b)
{
    sl_message m = {0};

    assert_int_equal(sl_message_add(&m, b, sl_buf_str(b)), 0);
    return m;
}

/* What a packet would put on the wire. */
static void assert_wire(const struct packet *p, const char *expected)
{
    char wire[256];
    size_t len = 0;

    for (unsigned i = 0; i < p->n; i++) {
        assert_true(p->iov[i].iov_len > 0);
        memcpy(wire + len, p->iov[i].iov_base, p->iov[i].iov_len);
        len += p->iov[i].iov_len;
    }
    assert_int_equal(len, p->bytes);
    assert_int_equal(len, strlen(expected));
    assert_memory_equal(wire, expected, len);
}

static void test_head_goes_into_the_headroom(void **state)
{
    sl_buf *b = buf_with(8, "data");
    sl_message m = message_of(b);
    struct packet *p = packet_new(SL_STR("HEAD"), &m);

    (void)state;
    assert_int_equal(p->n, 1);
    assert_ptr_equal(p->iov[0].iov_base, b->bytes + 4);
    assert_wire(p, "HEADdata");
    assert_memory_equal(b->bytes, "....HEADdata", 12);
    assert_true(sl_str_eq(sl_buf_str(b), SL_STR("data"))); /* the others' view is unchanged */
    assert_int_equal(b->start, 8);
    sl_buf_drop(b);
    assert_wire(p, "HEADdata"); /* the packet's own reference keeps it */
    packet_drop(p);
    packet_drop(NULL);
}

static void test_headroom_below_at_and_above_the_head(void **state)
{
    (void)state;
    for (size_t headroom = 0; headroom <= 6; headroom++) {
        sl_buf *b = buf_with(headroom, "data");
        sl_message m = message_of(b);
        struct packet *p = packet_new(SL_STR("HEAD"), &m);

        assert_int_equal(p->n, headroom < 4 ? 2 : 1);
        assert_wire(p, "HEADdata");
        packet_drop(p);
        sl_buf_drop(b);
    }
}

/* One message, two wires: the second head must not fall on the first, which still waits. */
static void test_a_second_wire_leaves_the_first_alone(void **state)
{
    sl_buf *b = buf_with(8, "data");
    sl_message m = message_of(b);
    struct packet *first = packet_new(SL_STR("HEAD"), &m), *second, *third;

    (void)state;
    second = packet_new(SL_STR("other"), &m);
    assert_wire(first, "HEADdata");
    assert_int_equal(second->n, 2);
    assert_wire(second, "otherdata");
    packet_drop(first);

    third = packet_new(SL_STR("3"), &m); /* the second still holds: no headroom yet */
    assert_int_equal(third->n, 2);
    packet_drop(second);
    packet_drop(third);

    third = packet_new(SL_STR("last"), &m); /* all gone: free again */
    assert_int_equal(third->n, 1);
    assert_wire(third, "lastdata");
    packet_drop(third);
    sl_buf_drop(b);
}

/* Two messages of one buffer: the headroom of the second is the text of the first. */
static void test_headroom_may_be_an_earlier_message(void **state)
{
    sl_buf *b = buf_with(0, "firstsecond");
    sl_message m = {0};
    struct packet *first, *second;

    (void)state;
    assert_int_equal(sl_message_add(&m, b, (sl_str){(char *)b->bytes, 5}), 0);
    first = packet_new(SL_STR("1:"), &m);
    b->start += 5;
    b->len -= 5;
    m = message_of(b);
    second = packet_new(SL_STR("2:"), &m);
    assert_wire(first, "1:first");
    assert_wire(second, "2:second");
    packet_drop(first);
    packet_drop(second);
    sl_buf_drop(b);
}

static void test_somebody_else_holds_the_buffer(void **state)
{
    sl_buf *b = buf_with(8, "data");
    sl_message m = message_of(b);
    struct packet *p;

    (void)state;
    sl_buf_hold(b);
    p = packet_new(SL_STR("HEAD"), &m);
    assert_int_equal(p->n, 2);
    assert_memory_equal(b->bytes, "........data", 12);
    packet_drop(p);
    sl_buf_drop(b);
    sl_buf_drop(b);
}

static void test_slice_that_is_not_at_the_start(void **state)
{
    sl_buf *b = buf_with(8, "xdata");
    sl_message m = {0};
    struct packet *p;

    (void)state;
    assert_int_equal(sl_message_add(&m, b, (sl_str){sl_buf_str(b).ptr + 1, 4}), 0);
    p = packet_new(SL_STR("HEAD"), &m);
    assert_int_equal(p->n, 2);
    assert_wire(p, "HEADdata");
    assert_true(sl_str_eq(sl_buf_str(b), SL_STR("xdata")));
    packet_drop(p);
    sl_buf_drop(b);
}

static void test_eight_slices_and_a_head_of_sixteen(void **state)
{
    sl_buf *a = buf_with(0, "a"), *b = buf_with(0, "b");
    sl_message m = {0};
    struct packet *p;

    (void)state;
    for (int i = 0; i < SL_MESSAGE_SLICES; i++) {
        sl_buf *of = i < 4 ? a : b;

        assert_int_equal(sl_message_add(&m, of, sl_buf_str(of)), 0);
    }
    p = packet_new(SL_STR("0123456789abcdef"), &m);
    assert_int_equal(p->n, 1 + SL_MESSAGE_SLICES);
    assert_int_equal(p->holds, 2); /* neighbours share a reference */
    assert_wire(p, "0123456789abcdefaaaabbbb");
    packet_drop(p);
    p = packet_framed(SL_STR("0123456789abcdef"), &m, SL_STR("\r\n"));
    assert_int_equal(p->n, PACKET_SLICES_MAX);
    sl_buf_drop(a);
    sl_buf_drop(b);
    assert_wire(p, "0123456789abcdefaaaabbbb\r\n");
    packet_drop(p);
}

static void test_a_tail_stays_behind_where_the_head_is_in_front(void **state)
{
    sl_buf *b = buf_with(8, "data");
    sl_message m = message_of(b);
    struct packet *p = packet_framed(SL_STR("4\r\n"), &m, SL_STR("\r\n"));

    (void)state;
    assert_int_equal(p->n, 2);
    assert_int_equal(p->bytes, 9);
    assert_wire(p, "4\r\ndata\r\n");
    sl_buf_drop(b);
    packet_drop(p);
}

static void test_alternating_buffers_are_each_held(void **state)
{
    sl_buf *a = buf_with(0, "a"), *b = buf_with(0, "b");
    sl_message m = {0};
    struct packet *p;

    (void)state;
    for (int i = 0; i < SL_MESSAGE_SLICES; i++) {
        assert_int_equal(sl_message_add(&m, i % 2 ? b : a, sl_buf_str(i % 2 ? b : a)), 0);
    }
    p = packet_new(SL_STR(""), &m);
    sl_buf_drop(a);
    sl_buf_drop(b);
    assert_wire(p, "abababab");
    packet_drop(p);
}

static void test_empty_parts_vanish(void **state)
{
    sl_buf *b = buf_with(8, "data");
    sl_message none = {0}, m = message_of(b);
    sl_buf *c = buf_with(8, "more");
    sl_message holes = {
        .n = 3, .slice = {{b, {sl_buf_str(b).ptr, 0}}, {0}, {c, sl_buf_str(c)}}
    };
    struct packet *p = packet_new(SL_STR(""), &none);

    (void)state;
    assert_int_equal(p->n, 0);
    assert_int_equal(p->bytes, 0);
    packet_drop(p);
    p = packet_new(SL_STR("H"), &none); /* a frame without payload */
    assert_wire(p, "H");
    packet_drop(p);
    p = packet_new(SL_STR(""), &m); /* a wire without framing */
    assert_int_equal(p->n, 1);
    assert_wire(p, "data");
    packet_drop(p);
    p = packet_new(SL_STR("H"), &holes);
    assert_wire(p, "Hmore");
    packet_drop(p);
    sl_buf_drop(b);
    sl_buf_drop(c);
}

/* Constants of the program need no buffer. */
static void test_slice_without_a_buffer(void **state)
{
    sl_message m = {0};
    struct packet *p;

    (void)state;
    assert_int_equal(sl_message_add(&m, NULL, SL_STR("constant")), 0);
    p = packet_new(SL_STR("H"), &m);
    assert_int_equal(p->holds, 0);
    assert_wire(p, "Hconstant");
    packet_drop(p);
}

static void test_copy_owns_its_bytes(void **state)
{
    char text[] = "bytes";
    struct packet *p = packet_copy((sl_str){text, 5}), *again;

    (void)state;
    memset(text, 'x', sizeof text);
    again = packet_hold(p);
    packet_drop(p);
    assert_wire(again, "bytes");
    packet_drop(again);
    p = packet_copy((sl_str){NULL, 0});
    assert_int_equal(p->n, 0);
    packet_drop(p);
    assert_null(packet_copy((sl_str){text, SIZE_MAX}));
    assert_null(packet_copy((sl_str){text, PTRDIFF_MAX}));
}

/* One buffer in many slices is held once; too many buffers, or slices, are copied. */
static void test_join(void **state)
{
    static const struct {
        size_t slices, buffers;
        bool copied;
    } rows[] = {
        {1,  1, false},
        {64, 1, false},
        {64, 8, false},
        {65, 1, true },
        {18, 9, true }
    };
    sl_buf *b[9];

    (void)state;
    for (size_t i = 0; i < 9; i++)
        b[i] = buf_with(0, "x");
    for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
        sl_slice s[65];
        char expected[66] = "";
        for (size_t i = 0; i < rows[k].slices; i++) {
            sl_buf *of = b[i % rows[k].buffers];
            s[i] = (sl_slice){of, sl_buf_str(of)};
            expected[i] = 'x';
        }
        if (k == 2) s[5].bytes.len = 0, s[6] = (sl_slice){NULL, SL_STR("x!")};
        struct packet *p = packet_join(s, rows[k].slices);
        assert_non_null(p);
        assert_int_equal(p->holds, rows[k].copied ? 0 : rows[k].buffers);
        if (k == 2) expected[6] = '!'; /* one slice is empty, one has two bytes and no buffer */
        assert_wire(p, expected);
        assert_int_equal(sl__buf_is_shared(b[0]), !rows[k].copied);
        packet_drop(p);
        assert_false(sl__buf_is_shared(b[0]));
        for (long n = 0; n < (rows[k].copied ? 1 : 2); n++) { /* by reference, then a copy */
            sl__alloc_fail_after(n);
            p = packet_join(s, rows[k].slices);
            sl__alloc_fail_after(-1);
            if (n == 0 && rows[k].copied) assert_null(p);
            packet_drop(p);
        }
    }
    for (size_t i = 0; i < 9; i++)
        sl_buf_drop(b[i]);
}

static void test_without_memory(void **state)
{
    sl_buf *b = buf_with(8, "data");
    sl_message m = message_of(b);

    (void)state;
    sl__alloc_fail_after(0);
    assert_null(packet_new(SL_STR("HEAD"), &m));
    assert_null(packet_copy(SL_STR("bytes")));
    sl__alloc_fail_after(-1);
    assert_false(sl__buf_is_shared(b));
    assert_memory_equal(b->bytes, "........data", 12);
    sl_buf_drop(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_head_goes_into_the_headroom),
        cmocka_unit_test(test_headroom_below_at_and_above_the_head),
        cmocka_unit_test(test_a_second_wire_leaves_the_first_alone),
        cmocka_unit_test(test_headroom_may_be_an_earlier_message),
        cmocka_unit_test(test_somebody_else_holds_the_buffer),
        cmocka_unit_test(test_slice_that_is_not_at_the_start),
        cmocka_unit_test(test_eight_slices_and_a_head_of_sixteen),
        cmocka_unit_test(test_a_tail_stays_behind_where_the_head_is_in_front),
        cmocka_unit_test(test_alternating_buffers_are_each_held),
        cmocka_unit_test(test_empty_parts_vanish),
        cmocka_unit_test(test_slice_without_a_buffer),
        cmocka_unit_test(test_copy_owns_its_bytes),
        cmocka_unit_test(test_join),
        cmocka_unit_test(test_without_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
