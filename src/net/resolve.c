/* SPDX-License-Identifier: MIT */
#include "net/resolve.h"

#include "base/alloc.h"

#include <netdb.h>
#include <sys/socket.h>

struct resolve {
    uv_getaddrinfo_t request;
    sl_loop *loop;
    resolve_fn *fn; /* NULL: nobody waits any more */
    void *user;
};

static void on_found(uv_getaddrinfo_t *request, int status, struct addrinfo *found)
{
    struct resolve *r = request->data;
    sl_loop *loop = r->loop;
    resolve_fn *fn = r->fn;
    void *user = r->user;

    sl__loop_begin_turn(loop);
    loop->pending--;
    sl__free(r);
    if (fn == NULL)
        uv_freeaddrinfo(found);
    else
        fn(status < 0 || found == NULL ? SL_E_NOT_FOUND : 0, found, user);
}

int resolve_open(sl_loop *loop, const char *host, const char *port, resolve_fn *fn, void *user,
                 struct resolve **out)
{
    const struct addrinfo tcp = {.ai_socktype = SOCK_STREAM};
    struct resolve *r = sl__zalloc(sizeof *r);
    int rc;

    *out = NULL;
    if (r == NULL) return SL_E_NOMEM;
    r->loop = loop;
    r->fn = fn;
    r->user = user;
    r->request.data = r;
    rc = uv_getaddrinfo(loop->uv, &r->request, on_found, host, port, &tcp);
    if (rc < 0) {
        sl__free(r);
        return rc;
    }
    loop->pending++;
    *out = r;
    return 0;
}

void resolve_cancel(struct resolve *r)
{
    if (r == NULL) return;
    r->fn = NULL;
    (void)uv_cancel((uv_req_t *)&r->request); /* unless it runs: on_found comes in any case */
}

struct addrinfo *resolve_number(const char *host, const char *port)
{
    const struct addrinfo numeric = {.ai_socktype = SOCK_STREAM,
                                     .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV};
    struct addrinfo *found = NULL;

    return getaddrinfo(host, port, &numeric, &found) == 0 ? found : NULL;
}
