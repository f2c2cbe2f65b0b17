/* SPDX-License-Identifier: MIT */
#include "proto/ws.h"

#include "proto/ws_tape_test.h"

/* clang-format off */
#include <setjmp.h> /* cmocka.h stands on these four */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

/*
 * Rows are written as wire bytes: hex, 'text' as it stands, 61*126 for a repeated byte.
 * Masks are mostly zero, so that the payload can be read; random ones are in ws_traffic_test.
 */
struct row {
    const char *name; /* clause and what */
    const char *wire;
    int rc, code;
    const char *tape; /* what is delivered, also before an error */
};

/* We are the server: frames come from a client, masked. Limit 100,000 bytes. */
static const struct row from_client[] = {
    {"5.7 text",                                  "81 85 37fa213d 7f9f4d5158",                          0,             0,    "T(Hello)"     },
    {"5.7 text, mask zero",                       "81 85 00000000 'Hello'",                             0,             0,    "T(Hello)"     },
    {"5.6 binary",                                "82 83 00000000 41ff42",                              0,             0,
     "B(A\xff"
     "B)"                                                                                                                                   },
    {"5.6 empty text",                            "81 80 00000000",                                     0,             0,    "T()"          },
    {"5.6 empty binary",                          "82 80 01020304",                                     0,             0,    "B()"          },
    {"5.6 two messages",                          "81 81 00000000 'a' 82 81 00000000 'b'",              0,             0,    "T(a)B(b)"     },
    {"5.2 header alone is nothing yet",           "81 85 00000000",                                     0,             0,    ""             },
    {"5.2 message not ended",                     "81 85 00000000 'Hell'",                              0,             0,    ""             },
    {"5.4 two fragments",                         "01 83 00000000 'Hel' 80 82 00000000 'lo'",           0,             0,    "T(Hello)"     },
    {"5.4 fragments with masks of their own",     "01 83 37fa213d 7f9f4d 80 82 ffffffff 9390",          0,             0,
     "T(Hello)"                                                                                                                             },
    {"5.4 binary fragments",                      "02 81 00000000 ff 80 81 00000000 fe",                0,             0,    "B(\xff\xfe)"  },
    {"5.4 empty fragments around",                "01 80 00000000 00 81 00000000 'x' 80 80 00000000",   0,             0,
     "T(x)"                                                                                                                                 },
    {"5.4 all fragments empty",                   "02 80 00000000 00 80 00000000 80 80 00000000",       0,             0,    "B()"          },
    {"5.4 first fragment whole, more to come",    "01 81 00000000 'x'",                                 0,             0,    ""             },
    {"5.4 message behind a fragmented one",
     "01 81 00000000 'a' 80 81 00000000 'b' 81 81 00000000 'c'",                                        0,             0,    "T(ab)T(c)"    },
    {"5.4 ping between fragments",
     "01 83 00000000 'Hel' 89 82 00000000 'hi' 80 82 00000000 'lo'",                                    0,             0,    "p(hi)T(Hello)"},
    {"5.4 ping and pong between empty fragments",
     "01 80 00000000 89 80 00000000 00 80 00000000 8a 81 00000000 'x' 80 80 00000000",                  0,             0,
     "p()q(x)T()"                                                                                                                           },
    {"5.4 continuation of nothing",               "80 81 00000000 'x'",                                 SL_E_WS_PROTO, 1002, ""             },
    {"5.4 unfinished continuation of nothing",    "00 80 00000000",                                     SL_E_WS_PROTO, 1002, ""             },
    {"5.4 continuation after the end",            "01 80 00000000 80 80 00000000 80 80 00000000",
     SL_E_WS_PROTO,                                                                                                    1002, "T()"          },
    {"5.4 text inside a fragmented text",         "01 81 00000000 'a' 81 81 00000000 'b'",
     SL_E_WS_PROTO,                                                                                                    1002, ""             },
    {"5.4 binary inside an empty fragment",       "01 80 00000000 82 80 00000000",                      SL_E_WS_PROTO,
     1002,                                                                                                                   ""             },
    {"5.4 ping alone does not begin a message",   "89 80 00000000 80 80 00000000",                      SL_E_WS_PROTO,
     1002,                                                                                                                   "p()"          },
    {"5.5.2 ping",                                "89 84 37fa213d 47934f5a",                            0,             0,    "p(ping)"      },
    {"5.5.2 empty ping",                          "89 80 00000000",                                     0,             0,    "p()"          },
    {"5.5.2 ping is not text",                    "89 82 00000000 ff01",                                0,             0,    "p(\xff\x01)"  },
    {"5.5.3 unasked pong",                        "8a 81 00000000 'x'",                                 0,             0,    "q(x)"         },
    {"5.5-2 fragmented ping",                     "09 80 00000000",                                     SL_E_WS_PROTO, 1002, ""             },
    {"5.5-2 fragmented pong",                     "0a 81 00000000 'x'",                                 SL_E_WS_PROTO, 1002, ""             },
    {"5.5-2 fragmented close",                    "08 80 00000000",                                     SL_E_WS_PROTO, 1002, ""             },
    {"5.5-2 fragmented ping inside a message",    "01 80 00000000 09 80 00000000",                      SL_E_WS_PROTO,
     1002,                                                                                                                   ""             },
    {"5.5-2 ping of 126",                         "89 fe 007e 00000000 61*126",                         SL_E_WS_PROTO, 1002, ""             },
    {"5.5-2 ping of 126, two bytes of it",        "89 fe",                                              SL_E_WS_PROTO, 1002, ""             },
    {"5.5-2 ping of 65536",                       "89 ff 0000000000010000 00000000",                    SL_E_WS_PROTO, 1002, ""             },
    {"5.5-2 close of 126",                        "88 fe 007e 00000000 03e8 61*124",                    SL_E_WS_PROTO, 1002, ""             },
    {"5.2 reserved bit 1",                        "c1 80 00000000",                                     SL_E_WS_PROTO, 1002, ""             },
    {"5.2 reserved bit 2",                        "a1 80 00000000",                                     SL_E_WS_PROTO, 1002, ""             },
    {"5.2 reserved bit 3",                        "91 80 00000000",                                     SL_E_WS_PROTO, 1002, ""             },
    {"5.2 reserved bit of a ping",                "c9 80 00000000",                                     SL_E_WS_PROTO, 1002, ""             },
    {"5.2 reserved bit of a continuation",        "01 80 00000000 c0 80 00000000",                      SL_E_WS_PROTO, 1002,
     ""                                                                                                                                     },
    {"5.2 reserved bit behind a message",         "81 81 00000000 'a' f1 81 00000000 'b'",
     SL_E_WS_PROTO,                                                                                                    1002, "T(a)"         },
    {"5.2 opcode 3",                              "83 80 00000000",                                     SL_E_WS_PROTO, 1002, ""             },
    {"5.2 opcode 4",                              "84 80 00000000",                                     SL_E_WS_PROTO, 1002, ""             },
    {"5.2 opcode 5",                              "85 80 00000000",                                     SL_E_WS_PROTO, 1002, ""             },
    {"5.2 opcode 6",                              "86 80 00000000",                                     SL_E_WS_PROTO, 1002, ""             },
    {"5.2 opcode 7",                              "87 80 00000000",                                     SL_E_WS_PROTO, 1002, ""             },
    {"5.2 opcode 11",                             "8b 80 00000000",                                     SL_E_WS_PROTO, 1002, ""             },
    {"5.2 opcode 12",                             "8c 80 00000000",                                     SL_E_WS_PROTO, 1002, ""             },
    {"5.2 opcode 13",                             "8d 80 00000000",                                     SL_E_WS_PROTO, 1002, ""             },
    {"5.2 opcode 14",                             "8e 80 00000000",                                     SL_E_WS_PROTO, 1002, ""             },
    {"5.2 opcode 15",                             "8f 80 00000000",                                     SL_E_WS_PROTO, 1002, ""             },
    {"5.1 text without mask",                     "81 05 'Hello'",                                      SL_E_WS_PROTO, 1002, ""             },
    {"5.1 ping without mask",                     "89 00",                                              SL_E_WS_PROTO, 1002, ""             },
    {"5.1 continuation without mask",             "01 80 00000000 80 00",                               SL_E_WS_PROTO, 1002, ""             },
    {"5.2 length 0 in 16 bits",                   "82 fe 0000 00000000",                                SL_E_WS_PROTO, 1002, ""             },
    {"5.2 length 125 in 16 bits",                 "82 fe 007d 00000000",                                SL_E_WS_PROTO, 1002, ""             },
    {"5.2 length 1 in 64 bits",                   "82 ff 0000000000000001 00000000",                    SL_E_WS_PROTO, 1002, ""             },
    {"5.2 length 65535 in 64 bits",               "82 ff 000000000000ffff 00000000",                    SL_E_WS_PROTO, 1002, ""             },
    {"5.2 top bit of the length",                 "82 ff 8000000000000000 00000000",                    SL_E_WS_PROTO, 1002, ""             },
    {"5.2 all bits of the length",                "82 ff ffffffffffffffff 00000000",                    SL_E_WS_PROTO, 1002, ""             },
    {"10.4 largest length",                       "82 ff 7fffffffffffffff 00000000",                    SL_E_TOO_BIG,  1009, ""             },
    {"10.4 limit",                                "82 ff 00000000000186a0 00000000",                    0,             0,    ""             },
    {"10.4 one above the limit",                  "82 ff 00000000000186a1 00000000",                    SL_E_TOO_BIG,  1009, ""             },
    {"10.4 fragments sum to the limit",           "02 81 00000000 'x' 80 ff 000000000001869f 00000000", 0,
     0,                                                                                                                      ""             },
    {"10.4 fragments sum to one above",           "02 81 00000000 'x' 80 ff 00000000000186a0 00000000",
     SL_E_TOO_BIG,                                                                                                     1009, ""             },
    {"10.4 fragments sum past 64 bits",           "02 81 00000000 'x' 80 ff 7fffffffffffffff 00000000",
     SL_E_TOO_BIG,                                                                                                     1009, ""             },
    {"5.5.1 close without status",                "88 80 00000000",                                     0,             0,    "c()"          },
    {"5.5.1 close 4000",                          "88 82 00000000 0fa0",                                0,             0,    "c(\x0f\xa0)"  },
    {"5.5.1 close with reason",                   "88 85 00000000 0fa0 'bye'",                          0,             0,
     "c(\x0f\xa0"
     "bye)"                                                                                                                                 },
    {"5.5.1 close with the longest reason",       "88 fd 00000000 0fa0 61*123",                         0,             0,
     "c(\x0f\xa0"
     "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
     "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa)"                                                                                             },
    {"5.5.1 nothing counts after a close",        "88 80 00000000 81 81 00000000 'x' ff*20",            0,             0,
     "c()"                                                                                                                                  },
    {"5.5.1 close inside a message",              "01 81 00000000 'x' 88 80 00000000 80 80 00000000",   0,             0,
     "c()"                                                                                                                                  },
    {"5.5.1 close of one byte",                   "88 81 00000000 03",                                  SL_E_WS_PROTO, 1002, ""             },
    {"5.5.1 reason with invalid UTF-8",           "88 84 00000000 0fa0 c328",                           SL_E_WS_UTF8,  1007, ""             },
    {"5.5.1 reason ends inside a character",      "88 84 00000000 0fa0 e282",                           SL_E_WS_UTF8,  1007,
     ""                                                                                                                                     },
    {"7.4.1 close 1005",                          "88 82 00000000 03ed",                                SL_E_WS_PROTO, 1002, ""             },
    {"7.4.1 close 1006",                          "88 82 00000000 03ee",                                SL_E_WS_PROTO, 1002, ""             },
    {"7.4.2 close 999",                           "88 82 00000000 03e7",                                SL_E_WS_PROTO, 1002, ""             },
    {"7.4.2 close 5000",                          "88 82 00000000 1388",                                SL_E_WS_PROTO, 1002, ""             },
    {"7.4.2 invalid code outranks its reason",    "88 84 00000000 0000 c328",                           SL_E_WS_PROTO, 1002,
     ""                                                                                                                                     },
    {"8.1 invalid text",                          "81 82 00000000 c328",                                SL_E_WS_UTF8,  1007, ""             },
    {"8.1 text ends inside a character",          "81 82 00000000 e282",                                SL_E_WS_UTF8,  1007, ""             },
    {"8.1 character across fragments",            "01 81 00000000 c3 80 81 00000000 a9",                0,             0,
     "T(\xc3\xa9)"                                                                                                                          },
    {"8.1 character across a ping",               "01 81 00000000 c3 89 80 00000000 80 81 00000000 a9", 0,             0,
     "p()T(\xc3\xa9)"                                                                                                                       },
    {"8.1 invalid across fragments",              "01 81 00000000 c3 80 81 00000000 28",                SL_E_WS_UTF8,  1007,
     ""                                                                                                                                     },
    {"8.1 last fragment empty, character open",   "01 81 00000000 c3 80 80 00000000",
     SL_E_WS_UTF8,                                                                                                     1007, ""             },
    {"8.1 fail fast: 10,000 announced, two come", "81 fe 2710 00000000 'a' ff",                         SL_E_WS_UTF8,
     1007,                                                                                                                   ""             },
    {"8.1 binary may hold anything",              "82 82 00000000 c328",                                0,             0,
     "B(\xc3"
     "()"                                                                                                                                   },
    {"8.1 a message before the invalid one",      "81 81 00000000 'a' 81 81 00000000 ff",
     SL_E_WS_UTF8,                                                                                                     1007, "T(a)"         },
};

/* We are the client: frames come from a server, without mask. */
static const struct row from_server[] = {
    {"5.7 text",                  "81 05 'Hello'",                0,             0,    "T(Hello)"   },
    {"5.7 fragments",             "01 03 'Hel' 80 02 'lo'",       0,             0,    "T(Hello)"   },
    {"5.7 ping",                  "89 05 'Hello'",                0,             0,    "p(Hello)"   },
    {"5.6 empty",                 "82 00 81 00",                  0,             0,    "B()T()"     },
    {"5.5.1 close",               "88 02 03e8 00",                0,             0,    "c(\x03\xe8)"},
    {"5.1 masked text",           "81 85 37fa213d 7f9f4d5158",    SL_E_WS_PROTO, 1002, ""           },
    {"5.1 masked ping",           "89 80 00000000",               SL_E_WS_PROTO, 1002, ""           },
    {"5.1 masked continuation",   "01 01 'a' 80 81 00000000 'b'", SL_E_WS_PROTO, 1002, ""           },
    {"5.2 length 125 in 16 bits", "82 7e 007d",                   SL_E_WS_PROTO, 1002, ""           },
    {"8.1 invalid text",          "81 01 80",                     SL_E_WS_UTF8,  1007, ""           },
};

static size_t from_notation(const char *z, uint8_t *out, size_t cap)
{
    size_t n = 0;

    while (*z != 0) {
        if (*z == ' ') {
            z++;
        } else if (*z == '\'') {
            for (z++; *z != '\''; z++) {
                assert_true(n < cap);
                out[n++] = (uint8_t)*z;
            }
            z++;
        } else if (*z == '*') {
            char *end;
            long times = strtol(z + 1, &end, 10);

            for (; times > 1; times--, n++) {
                assert_true(n < cap);
                out[n] = out[n - 1];
            }
            z = end;
        } else {
            char hex[3] = {z[0], z[1], 0}, *end;

            assert_true(n < cap);
            out[n++] = (uint8_t)strtol(hex, &end, 16);
            assert_ptr_equal(end, hex + 2);
            z += 2;
        }
    }
    return n;
}

static void expect(struct tape *t, const struct row *r, int rc, const char *how)
{
    char why[WS_WHY_SIZE];
    size_t len = strlen(r->tape);

    ws_why(&t->parser, why, sizeof why);
    if (rc != r->rc || t->parser.close_code != r->code || t->len != len
        || memcmp(t->text, r->tape, len) != 0)
        fail_msg("%s, %s: rc %d, code %d, why '%s', tape '%s'", r->name, how, rc,
                 t->parser.close_code, why, t->text);
    assert_int_equal(*why == 0, r->rc == 0);
    if (rc == 0) return;
    assert_false(ws_is_partial(&t->parser));
    uint8_t more[] = {0x81, 0x80, 0, 0, 0, 0};
    assert_int_equal(ws_feed(&t->parser, more, sizeof more), rc); /* the same for ever */
    assert_int_equal(t->parser.close_code, r->code);
}

static void replay(const struct row *r, bool masked)
{
    static const struct {
        const char *how;
        size_t most;
        unsigned wanted, rounds;
    } ways[] = {
        {"whole",                  SIZE_MAX, 0,   1 },
        {"bytewise",               1,        0,   1 },
        {"randomly cut",           7,        0,   20},
        {"randomly cut, in place", 7,        200, 20},
    };
    uint8_t wire[512];
    size_t n = from_notation(r->wire, wire, sizeof wire);

    for (size_t w = 0; w < sizeof ways / sizeof *ways; w++) {
        for (unsigned i = 1; i <= ways[w].rounds; i++) {
            struct tape t;

            tape_init(&t, 100000, masked, i & 1);
            int rc = ways[w].most == SIZE_MAX
                         ? tape_feed(&t, wire, n)
                         : tape_feed_cut(&t, wire, n, ways[w].most, ways[w].wanted, i * 7919);
            expect(&t, r, rc, ways[w].how);
            tape_deinit(&t);
        }
    }
}

static void test_frames_from_client(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof from_client / sizeof *from_client; i++)
        replay(&from_client[i], true);
}

static void test_frames_from_server(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof from_server / sizeof *from_server; i++)
        replay(&from_server[i], false);
}

/* ---- UTF-8 ---- */

/* what, bytes, the first byte that cannot be (-1: valid, -2: only the end is missing) */
static const struct {
    const char *name, *bytes;
    int bad_at;
} utf8[] = {
    {"greek and ascii",                  "48656c6c6f2dc2b540c39fc3b6c3a4c3bcc3a0c3a12d 'UTF-8!!'", -1},
    {"kosme",                            "cebae1bdb9cf83cebcceb5",                                 -1},
    {"kosme, surrogate, ascii",          "cebae1bdb9cf83cebcceb5 eda080 656469746564",             12},
    {"kosme, above U+10FFFF, ascii",     "cebae1bdb9cf83cebcceb5 f4908080 656469746564",           12},
    {"prefix ce",                        "ce",                                                     -2},
    {"prefix of kosme 1",                "cebae1",                                                 -2},
    {"prefix of kosme 2",                "cebae1bd",                                               -2},
    {"prefix of kosme 3",                "cebae1bdb9cf83cebcce",                                   -2},
    {"first of 1 byte",                  "00",                                                     -1},
    {"first of 2 bytes",                 "c280",                                                   -1},
    {"first of 3 bytes",                 "e0a080",                                                 -1},
    {"first of 4 bytes",                 "f0908080",                                               -1},
    {"first of 5 bytes",                 "f888808080",                                             0 },
    {"first of 6 bytes",                 "fc8480808080",                                           0 },
    {"last of 1 byte",                   "7f",                                                     -1},
    {"last of 2 bytes",                  "dfbf",                                                   -1},
    {"last of 3 bytes",                  "efbfbf",                                                 -1},
    {"U+1FFFFF",                         "f7bfbfbf",                                               0 },
    {"last of 5 bytes",                  "fbbfbfbfbf",                                             0 },
    {"last of 6 bytes",                  "fdbfbfbfbfbf",                                           0 },
    {"U+D7FF",                           "ed9fbf",                                                 -1},
    {"U+E000",                           "ee8080",                                                 -1},
    {"U+FFFD",                           "efbfbd",                                                 -1},
    {"U+10FFFF",                         "f48fbfbf",                                               -1},
    {"U+110000",                         "f4908080",                                               1 },
    {"lone continuation 80",             "80",                                                     0 },
    {"lone continuation bf",             "bf",                                                     0 },
    {"two continuations",                "80bf",                                                   0 },
    {"continuation behind ascii",        "6180",                                                   1 },
    {"continuation behind a character",  "c3a9bf",                                                 2 },
    {"lone start c3",                    "c320",                                                   1 },
    {"lone start e2",                    "e220",                                                   1 },
    {"lone start f0",                    "f020",                                                   1 },
    {"2 of 2 missing",                   "c3",                                                     -2},
    {"3 of 3 missing",                   "e080",                                                   1 },
    {"3 of 3 missing, valid so far",     "e0a0",                                                   -2},
    {"4 of 4 missing, overlong so far",  "f08080",                                                 1 },
    {"4 of 4 missing, valid so far",     "f09080",                                                 -2},
    {"3 of 3 replaced",                  "e28220",                                                 2 },
    {"4 of 4 replaced",                  "f09f9820",                                               3 },
    {"two starts",                       "c3c3",                                                   1 },
    {"fe",                               "fe",                                                     0 },
    {"ff",                               "ff",                                                     0 },
    {"fe fe ff ff",                      "fefeffff",                                               0 },
    {"overlong slash, 2 bytes",          "c0af",                                                   0 },
    {"overlong slash, 3 bytes",          "e080af",                                                 1 },
    {"overlong slash, 4 bytes",          "f08080af",                                               1 },
    {"overlong slash, 5 bytes",          "f8808080af",                                             0 },
    {"overlong slash, 6 bytes",          "fc80808080af",                                           0 },
    {"overlong max, 2 bytes",            "c1bf",                                                   0 },
    {"overlong max, 3 bytes",            "e09fbf",                                                 1 },
    {"overlong max, 4 bytes",            "f08fbfbf",                                               1 },
    {"overlong max, 5 bytes",            "f887bfbfbf",                                             0 },
    {"overlong nul",                     "c080",                                                   0 },
    {"surrogate D800",                   "eda080",                                                 1 },
    {"surrogate DB7F",                   "edadbf",                                                 1 },
    {"surrogate DB80",                   "edae80",                                                 1 },
    {"surrogate DBFF",                   "edafbf",                                                 1 },
    {"surrogate DC00",                   "edb080",                                                 1 },
    {"surrogate DFFF",                   "edbfbf",                                                 1 },
    {"surrogate pair",                   "eda080edb080",                                           1 },
    {"noncharacters U+FFFE U+FFFF",      "efbfbeefbfbf",                                           -1},
    {"noncharacters U+1FFFE U+1FFFF",    "f09fbfbef09fbfbf",                                       -1},
    {"noncharacters U+10FFFE U+10FFFF",  "f48fbfbef48fbfbf",                                       -1},
    {"invalid behind 64 of ascii",       "61*64 ff",                                               64},
    {"cut character behind 63 of ascii", "61*63 e282",                                             -2},
    {"characters across every 16 bytes", "c3a9*1 e282ac f09f9880 e282ac*1 c3a9 f09f9880 e282ac",
     -1                                                                                              },
};

static size_t put_frame(uint8_t *out, uint8_t b0, const uint8_t *payload, size_t n)
{
    out[0] = b0;
    out[1] = 0x80 | (uint8_t)n;
    memset(out + 2, 0, 4);
    memcpy(out + 6, payload, n);
    return 6 + n;
}

static void expect_utf8(size_t i, const uint8_t *wire, size_t n, size_t most, const char *how)
{
    struct tape t;

    tape_init(&t, 1000, true, false);
    int rc = tape_feed_cut(&t, wire, n, most, 0, 4711);
    int want = utf8[i].bad_at == -1 ? 0 : SL_E_WS_UTF8;
    if (rc != want || t.count != (want == 0))
        fail_msg("%s, %s: rc %d, tape '%s'", utf8[i].name, how, rc, t.text);
    assert_int_equal(t.parser.close_code, want == 0 ? 0 : WS_BAD_DATA);
    tape_deinit(&t);
}

static void test_utf8_in_any_fragments(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof utf8 / sizeof *utf8; i++) {
        uint8_t text[125], wire[1000];
        size_t len = from_notation(utf8[i].bytes, text, sizeof text);
        size_t n = put_frame(wire, 0x81, text, len);

        expect_utf8(i, wire, n, n, "whole");
        expect_utf8(i, wire, n, 1, "bytewise");
        for (size_t cut = 0; cut <= len; cut++) {
            n = put_frame(wire, 0x01, text, cut);
            n += put_frame(wire + n, 0x80, text + cut, len - cut);
            expect_utf8(i, wire, n, n, "two fragments");
            expect_utf8(i, wire, n, 5, "two fragments, cut");
        }
        n = put_frame(wire, 0x01, text, 0);
        for (size_t k = 0; k < len; k++)
            n += put_frame(wire + n, 0x00, text + k, 1);
        n += put_frame(wire + n, 0x80, text, 0);
        expect_utf8(i, wire, n, n, "fragments of one byte");
        expect_utf8(i, wire, n, 1, "fragments of one byte, bytewise");
    }
}

/* The frame announces more than comes: the offending byte itself must end it. */
static void test_utf8_fails_fast(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof utf8 / sizeof *utf8; i++) {
        uint8_t text[125], head[] = {0x81, 0xFE, 0x01, 0x00, 0, 0, 0, 0};
        int len = (int)from_notation(utf8[i].bytes, text, sizeof text);
        struct tape t;

        tape_init(&t, 1000, true, false);
        assert_int_equal(tape_feed(&t, head, sizeof head), 0);
        for (int k = 0; k < len; k++) {
            int want = utf8[i].bad_at >= 0 && k >= utf8[i].bad_at ? SL_E_WS_UTF8 : 0;

            if (tape_feed(&t, text + k, 1) != want)
                fail_msg("%s: byte %d, wanted %d", utf8[i].name, k, want);
        }
        tape_deinit(&t);
    }
}

/* ---- stop, state, sentences ---- */

static void test_stop_inside_a_callback(void **state)
{
    (void)state;
    for (long stop = 1; stop <= 4; stop++) {
        static const char *const heard[] = {"T(a)", "T(a)p(b)", "T(a)p(b)B(cd)",
                                            "T(a)p(b)B(cd)q(e)"};
        uint8_t wire[200];
        size_t n = from_notation("81 81 00000000 'a' 02 81 00000000 'c' 89 81 00000000 'b'"
                                 "80 81 00000000 'd' 8a 81 00000000 'e' ff*9",
                                 wire, sizeof wire);

        for (size_t most = 1; most <= n; most++) {
            struct tape t;

            tape_init(&t, 1000, true, false);
            t.stop_after = stop;
            assert_int_equal(tape_feed_cut(&t, wire, n, most, 0, 99), 0);
            assert_string_equal(t.text, heard[stop - 1]);
            assert_false(ws_is_partial(&t.parser));
            tape_deinit(&t);
        }
    }
}

static void test_partial_is_told(void **state)
{
    uint8_t wire[64];
    size_t n = from_notation("01 81 00000000 'a' 89 82 00000000 'xy' 80 81 00000000 'b'", wire,
                             sizeof wire);
    struct tape t;

    (void)state;
    tape_init(&t, 1000, true, false);
    assert_false(ws_is_partial(&t.parser));
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(tape_feed(&t, wire + i, 1), 0);
        assert_int_equal(ws_is_partial(&t.parser), i < n - 1);
    }
    n = from_notation("89 82 00000000 'xy'", wire, sizeof wire);
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(tape_feed(&t, wire + i, 1), 0);
        assert_int_equal(ws_is_partial(&t.parser), i < n - 1);
    }
    assert_string_equal(t.text, "p(xy)T(ab)p(xy)");
    tape_deinit(&t);
    assert_true(sizeof t.parser <= 64);
}

static void test_stop_from_outside(void **state)
{
    uint8_t wire[64], rest[] = {0x80, 0, 0, 0, 0, 0x81, 0x80, 0, 0, 0, 0};
    size_t n = from_notation("01 81 00000000 'a' 89 82 00000000 'x'", wire, sizeof wire);

    (void)state;
    for (size_t cut = 0; cut <= n; cut++) {
        struct tape t;

        tape_init(&t, 1000, true, false);
        assert_int_equal(tape_feed(&t, wire, cut), 0);
        ws_stop(&t.parser);
        assert_false(ws_is_partial(&t.parser));
        assert_int_equal(tape_feed(&t, rest, sizeof rest), 0);
        assert_false(ws_is_partial(&t.parser));
        assert_int_equal(t.count, 0);
        tape_deinit(&t);
    }
}

static void test_why_is_a_sentence(void **state)
{
    static const struct {
        const char *wire, *why;
    } rows[] = {
        {"82 ff 0000000001312d00 00000000",
         "message of 20000000 bytes is larger than the limit of 16777216"               },
        {"82 ff 7fffffffffffffff 00000000",
         "message of 9223372036854775807 bytes is larger than the limit of 16777216"    },
        {"83 80 00000000",                  "unknown opcode: 3"                         },
        {"82 fe 007d 00000000",             "frame length not in its shortest form: 125"},
        {"88 82 00000000 03ed",             "invalid close code: 1005"                  },
        {"81 00",                           "frame without mask"                        },
        {"88 81 00000000 03",               "close frame of one byte"                   },
        {"81 81 00000000 ff",               "text is not valid UTF-8"                   },
        {"81 81 00000000 'a'",              ""                                          },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint8_t wire[64];
        char why[WS_WHY_SIZE], small[8];
        struct tape t;

        tape_init(&t, 16777216, true, false);
        int rc = tape_feed(&t, wire, from_notation(rows[i].wire, wire, sizeof wire));
        assert_int_equal(rc == 0, *rows[i].why == 0);
        assert_string_equal(ws_why(&t.parser, why, sizeof why), rows[i].why);
        assert_memory_equal(ws_why(&t.parser, small, sizeof small), rows[i].why,
                            strnlen(rows[i].why, 7));
        assert_true(strlen(small) < sizeof small);
        tape_deinit(&t);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_frames_from_client),
        cmocka_unit_test(test_frames_from_server),
        cmocka_unit_test(test_utf8_in_any_fragments),
        cmocka_unit_test(test_utf8_fails_fast),
        cmocka_unit_test(test_stop_inside_a_callback),
        cmocka_unit_test(test_stop_from_outside),
        cmocka_unit_test(test_partial_is_told),
        cmocka_unit_test(test_why_is_a_sentence),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("ws", tests, NULL, NULL);
}
