/* SPDX-License-Identifier: MIT */
/* A client that is not heard for a while: of Engine.IO, which knows its transport. */
#include "serve/sio_inside.h"

void sl_sio_pause(sl_sio_socket *s)
{
    if (s->reason == NULL && s->client->eio != NULL) eio_pause(s->client->eio);
}

/* Also for one that has left a namespace: its client may be in others. */
void sl_sio_resume(sl_sio_socket *s)
{
    if (s->client->eio != NULL) eio_resume(s->client->eio);
}
