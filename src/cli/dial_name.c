/* SPDX-License-Identifier: MIT */
/*
 * Names within a deadline. The lookup runs on a thread of its own and says by an eventfd that
 * it is through; whoever is the last of the two to let go of it frees it.
 */
#include "base/alloc.h"
#include "cli/dial.h"

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

struct lookup {
    atomic_int refs;
    int done_fd;
    atomic_int rc; /* of getaddrinfo, stored when `found` is there and before done_fd speaks */
    struct addrinfo *found;
    char host[256], port[6];
};

static const struct addrinfo tcp = {.ai_socktype = SOCK_STREAM};

static void lookup_drop(struct lookup *l)
{
    if (atomic_fetch_sub(&l->refs, 1) > 1) return;
    if (l->found != NULL) freeaddrinfo(l->found);
    close(l->done_fd);
    sl__free(l);
}

static void *look_up(void *user)
{
    struct lookup *l = user;
    uint64_t one = 1;
    int rc = getaddrinfo(l->host, l->port, &tcp, &l->found);

    atomic_store(&l->rc, rc);
    (void)!write(l->done_fd, &one, sizeof one);
    lookup_drop(l);
    return NULL;
}

static struct lookup *lookup_new(const char *host, const char *port)
{
    struct lookup *l = sl__zalloc(sizeof *l);

    if (l == NULL) return NULL;
    l->done_fd = eventfd(0, EFD_CLOEXEC);
    if (l->done_fd < 0) {
        sl__free(l);
        return NULL;
    }
    atomic_init(&l->refs, 2); /* the thread's and ours */
    snprintf(l->host, sizeof l->host, "%s", host);
    snprintf(l->port, sizeof l->port, "%s", port);
    return l;
}

static int start(struct lookup *l)
{
    pthread_t thread;
    int rc = pthread_create(&thread, NULL, look_up, l);

    if (rc != 0) {
        atomic_store(&l->refs, 1);
        return -rc;
    }
    pthread_detach(thread);
    return 0;
}

int dial_lookup(const struct dial *d, const char *host, const char *port, struct addrinfo **out)
{
    struct addrinfo numeric = tcp;
    struct lookup *l;
    int rc;

    *out = NULL;
    numeric.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV;
    if (getaddrinfo(host, port, &numeric, out) == 0) return 0; /* nobody need be asked */
    *out = NULL;
    l = lookup_new(host, port);
    if (l == NULL) return SL_E_NOMEM;
    rc = start(l);
    if (rc == 0) rc = dial_wait(d, l->done_fd, POLLIN);
    if (rc == 0) {
        rc = atomic_load(&l->rc) == 0 ? 0 : SL_E_NOT_FOUND;
        *out = l->found;
        l->found = NULL;
    }
    lookup_drop(l);
    return rc;
}
