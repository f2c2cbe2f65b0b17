/* SPDX-License-Identifier: MIT */
/* What `sluice tail` and `sluice send` have in common: their options, and words about events.
 */
#ifndef CLI_SIO_WORDS_H
#define CLI_SIO_WORDS_H

#include "sluice/client.h"

#include "cli/options.h"

#define SIO_WORD_MAX 4096 /* bytes of a line for people */

struct sio_want {
    const char *url, *nsp, *auth;
    int transport, eio; /* as in the words of the options */
};

/* The rows for these wishes: transport, eio, nsp, auth. */
// clang-format off
#define SIO_OPTIONS(w)                                                                          \
    {"--transport", "HOW", "upgrade (polling first), websocket or polling", OPTION_CHOICE, &(w)->transport, 0, 0, "upgrade|websocket|polling"}, \
    {"--eio", "N", "revision of Engine.IO: 4, or 3 for servers of Socket.IO 2.x", OPTION_CHOICE, &(w)->eio, 0, 0, "4|3"}, \
    {"--nsp", "NAME", "the namespace (/)", OPTION_TEXT, &(w)->nsp, 0, 0, NULL},                  \
    {"--auth", "JSON", "an object that is sent along when it is joined", OPTION_TEXT, &(w)->auth, 0, 0, NULL}
// clang-format on

/* How many arguments stand in front of the first option. */
int sio_positionals(int argc, char **argv);
bool sio_asks_for_help(int argc, char **argv);

/* Fill in the client's options; false after a sentence on stderr. */
bool sio_understand(const struct sio_want *w, sl_client_options *o);

/* One JSON value, or a sentence on stderr. `what` is its name there. */
bool sio_is_json(const char *text, const char *what);

/* Open it, or say on stderr why not. returns an exit code, 0 if it is open */
int sio_open(sl_loop *loop, const sl_client_options *o, sl_client **out);

/* Name and arguments in a line for people: shortened, and harmless to a terminal. */
void sio_line(const sl_sio_event *e, char out[SIO_WORD_MAX]);

/* The arguments, as JSON; binary values are {"base64":"..."}. */
void sio_put_args(sl_json_out *o, const sl_sio_event *e);

/* Why there is no connection, and what comes next, on stderr. */
void sio_tell_trouble(const sl_client_trouble *t);
void sio_tell_refused(const char *nsp, sl_str message, sl_value data);

#endif
