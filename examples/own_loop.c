/* SPDX-License-Identifier: MIT */
/*
 * The library as a guest on a libuv loop: a timer of the program's own tells every Socket.IO
 * client each second how long it has run.
 *
 *     own_loop --port 9000
 *     io('http://127.0.0.1:9000').on('tick', (seconds) => console.log(seconds));
 *
 *     cc own_loop.c $(pkg-config --cflags --libs sluice libuv)
 */
#include "sluice/sluice.h"
#include "sluice/uv.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

struct app {
    sl_loop *loop;
    sl_sio *sio;
    uv_timer_t timer;
    uv_signal_t on_term;
    int64_t seconds;
};

static void on_second(uv_timer_t *t)
{
    struct app *app = t->data;
    sl_sio_packet *p = sl_sio_packet_new("tick");

    if (p == NULL) return;
    sl_out_i64(sl_sio_args(p), ++app->seconds);
    sl_sio_broadcast(app->sio, &(sl_sio_target){0}, p);
    sl_sio_packet_free(p);
}

/* The library's handles close when its clients have gone; the program's own must be closed. */
static void on_signal(uv_signal_t *s, int signo)
{
    struct app *app = s->data;

    (void)signo;
    sl_loop_stop(app->loop, 3000);
    uv_close((uv_handle_t *)&app->timer, NULL);
    uv_close((uv_handle_t *)&app->on_term, NULL);
}

static int start_own(uv_loop_t *uv, struct app *app)
{
    int rc = uv_timer_init(uv, &app->timer);

    app->timer.data = app->on_term.data = app;
    if (rc == 0) rc = uv_timer_start(&app->timer, on_second, 1000, 1000);
    if (rc == 0) rc = uv_signal_init(uv, &app->on_term);
    if (rc == 0) rc = uv_signal_start(&app->on_term, on_signal, SIGTERM);
    return rc;
}

int main(int argc, char **argv)
{
    static const sl_sio_namespace root = {.name = "/"};
    const sl_sio_options with = {.namespaces = &root, .namespace_count = 1};
    sl_route routes[SL_SIO_ROUTES];
    const sl_server_options o = {.routes = routes, .route_count = SL_SIO_ROUTES};
    const char *port = argc == 3 && strcmp(argv[1], "--port") == 0 ? argv[2] : "9000";
    uv_loop_t *uv = uv_default_loop();
    struct app app = {0};
    sl_server *server = NULL;
    sl_error err = {0};
    char address[32];
    uint16_t got;
    int rc = sl_loop_on_uv(uv, &app.loop);

    snprintf(address, sizeof address, "127.0.0.1:%.5s", port);
    if (rc == 0) rc = sl_sio_new(app.loop, &with, &app.sio, &err);
    if (rc == 0) sl_sio_put_routes(app.sio, SL_RIGHT_OPEN, routes);
    if (rc == 0) rc = sl_server_new(app.loop, &o, &server, &err);
    if (rc == 0) rc = sl_server_listen(server, address, &got, &err);
    if (rc == 0) rc = start_own(uv, &app);
    if (rc == 0) {
        fprintf(stderr, "own_loop: listening on port %u\n", got);
        uv_run(uv, UV_RUN_DEFAULT); /* until nothing is left on it, of the library or of ours */
    } else {
        fprintf(stderr, "own_loop: %s\n", err.text);
    }
    sl_server_free(server);
    sl_sio_free(app.sio);
    sl_loop_free(app.loop);
    return rc != 0;
}
