/* SPDX-License-Identifier: MIT */
#include "hub/metrics.h"

#include "base/alloc.h"
#include "base/str.h"
#include "hub/frames.h"
#include "hub/intake_inside.h"
#include "hub/live_wire.h"
#include "hub/media.h"
#include "net/worker.h"
#include "serve/rooms.h"
#include "serve/server.h"
#include "store/disk.h"

#define ASKING_MAX 16

/* Everything that a row may point at, read at one moment of the loop. */
struct now {
    const struct vitals *v;
    struct process_sample p;
    struct journal_stats journal;
    sl_room_stats rooms;
    sl_sio_stats sio;
    struct frames_stats frames;
    struct live_wire_stats live;
    struct media_stats media;
    struct loop_lag lag;
    struct relief relief;
    struct limits limits;
    uint64_t slow_bodies, slow_messages, slow_readers;
    struct accept_limits sockets;
    /* by rooms, by the live wire and by Socket.IO */
    uint64_t sent, frames_sent, frames_conflated, cut_off;
    uint64_t waiting_bytes, full, disk_other, disk_media, refusing, started_at_us;
};

/* ---- rows that are more than a number ---- */

static void put_build(struct exposition *x, const struct now *n)
{
    const struct label labels[] = {
        {"version", n->v->version},
        {0        }
    };

    exposition_count(x, labels, 1);
}

/* The page's, and who else speaks docs/live-wire.md. */
static void put_live_clients(struct exposition *x, const struct now *n)
{
    const struct label labels[] = {
        {"system",    "live"},
        {"role",           "viewer"},
        {"transport","websocket"},
        {0}
    };

    exposition_count(x, labels, n->live.viewers);
}

/* Of Socket.IO: [role][polling, websocket][EIO 4, 3] of each system; behind them those of none.
 */
typedef uint32_t socket_counts[SYSTEMS_MAX + 1][INTAKE_ROLES][2][2];

static void count_sockets(const struct vitals *v, socket_counts count)
{
    for (const struct socket *k = NULL; (k = sockets_next(v->sockets, k)) != NULL;) {
        int transport = !sl_sio_is_polling(k->sio), revision = sl_sio_revision(k->sio) == 3;

        if (k->senders == NULL) count[v->system_count][0][transport][revision]++;
        for (const struct sender *s = k->senders; s != NULL; s = s->next) {
            for (size_t i = 0; i < v->system_count; i++)
                if (v->system[i].intakes == s->owner) count[i][s->role][transport][revision]++;
        }
    }
}

static void put_sockets_of(struct exposition *x, const char *system, const char *role,
                           uint32_t count[2][2])
{
    for (int i = 0; i < 4; i++) {
        const struct label labels[] = {
            {"system",    system},
            {"role",           role},
            {"transport",i & 1 ? "websocket" : "polling"},
            {"eio", i & 2 ? "3" : "4"},
            {0          }
        };

        exposition_count(x, labels, count[i & 1][i >> 1]);
    }
}

static void put_socket_clients(struct exposition *x, const struct now *n)
{
    const struct vitals *v = n->v;
    socket_counts count = {0};

    if (v->sockets == NULL) return;
    count_sockets(v, count);
    for (size_t i = 0; i < v->system_count; i++) {
        const struct system *s = v->system[i].system;

        if (!sockets_has(v->sockets, s->name)) continue;
        put_sockets_of(x, s->name, "none", count[i][0]);
        for (int r = 1; r < INTAKE_ROLES && s->roles != NULL && s->roles[r - 1] != NULL; r++)
            put_sockets_of(x, s->name, s->roles[r - 1], count[i][r]);
    }
    put_sockets_of(x, "none", "none", count[v->system_count][0]);
}

static void put_returns(struct exposition *x, const struct now *n)
{
    exposition_count(x,
                     (struct label[]){
                         {"result", "recovered"},
                         {0       }
    },
                     n->sio.recovered);
    exposition_count(x,
                     (struct label[]){
                         {"result", "gap"},
                         {0       }
    },
                     n->sio.gaps);
}

static void put_lost(struct exposition *x, const struct now *n)
{
    exposition_count(x, NULL, n->sio.lost);
}

static void put_recovery_bytes(struct exposition *x, const struct now *n)
{
    exposition_count(x, NULL, n->sio.recovery_bytes);
}

static void put_clients(struct exposition *x, const struct now *n)
{
    for (size_t i = 0; i < n->v->system_count; i++) {
        const struct vital_system *s = &n->v->system[i];
        const char *const *role = s->system->roles;

        if (s->system->ws_paths == NULL) continue;
        for (int r = 0; r < INTAKE_ROLES; r++) {
            const char *name = r == 0 ? "none" : role != NULL ? role[r - 1] : NULL;
            const struct label labels[] = {
                {"system",    s->system->name},
                {"role",           name},
                {"transport","websocket"},
                {0}
            };

            if (name == NULL) break;
            exposition_count(x, labels, s->intakes->clients[r]);
        }
    }
    put_live_clients(x, n);
    put_socket_clients(x, n);
}

static void put_devices(struct exposition *x, const struct now *n)
{
    for (size_t i = 0; i < n->v->system_count; i++) {
        const struct vital_system *s = &n->v->system[i];
        uint32_t connected = 0, disconnected = 0;
        struct label labels[] = {
            {"system",     s->system->name},
            {"state",            "connected"},
            {0}
        };

        if (s->system->count_devices == NULL) continue;
        s->system->count_devices(s->state, &connected, &disconnected);
        exposition_count(x, labels, connected);
        labels[1].value = "disconnected";
        exposition_count(x, labels, disconnected);
    }
}

/* What a message is called: what it says of itself, else what it becomes. */
static const char *kind_of(const struct intake *in)
{
    if (in->ws_type != NULL) return in->ws_type;
    if (in->events != NULL) return in->events[0];
    return in->kind != NULL ? in->kind->name : in->http_path;
}

/* One sample for each kind, however many rows take it. */
static void put_by_kind(struct exposition *x, const struct now *n, bool refused)
{
    for (size_t i = 0; i < n->v->system_count; i++) {
        const struct vital_system *s = &n->v->system[i];
        const struct intake *in = s->system->intakes;

        for (size_t k = 0; k < s->system->intake_count; k++) {
            const struct label labels[] = {
                {"system",         s->system->name},
                {"kind",                kind_of(&in[k])},
                {0}
            };
            uint64_t sum = 0;
            bool is_told = false;

            for (size_t j = 0; j < s->system->intake_count; j++) {
                const struct intake_route *r = &s->intakes->routes[j];

                if (strcmp(kind_of(&in[j]), kind_of(&in[k])) != 0) continue;
                is_told |= j < k;
                sum += refused ? r->refused : r->received;
            }
            if (!is_told) exposition_count(x, labels, sum);
        }
    }
}

static void put_received(struct exposition *x, const struct now *n)
{
    put_by_kind(x, n, false);
}

static void put_refused(struct exposition *x, const struct now *n)
{
    put_by_kind(x, n, true);
}

static void put_ignored(struct exposition *x, const struct now *n)
{
    for (size_t i = 0; i < n->v->system_count; i++) {
        const struct vital_system *s = &n->v->system[i];
        const struct label labels[] = {
            {"system", s->system->name},
            {0       }
        };

        if (s->system->ws_paths != NULL) exposition_count(x, labels, s->intakes->ignored);
    }
}

static void put_knocks(struct exposition *x, const struct now *n)
{
    for (int i = 0; i < KNOCK_CAUSES; i++) {
        const struct label labels[] = {
            {"reason", knock_kinds[i].code},
            {0       }
        };

        exposition_count(x, labels, knocks_count(n->v->knocks, i));
    }
}

static void put_frames(struct exposition *x, const struct now *n)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < n->v->system_count; i++) {
        const struct vital_system *s = &n->v->system[i];

        for (size_t k = 0; k < s->system->intake_count; k++) {
            if (s->system->intakes[k].class == CLASS_FRAME)
                sum += s->intakes->routes[k].received;
        }
    }
    exposition_count(x, NULL, sum);
}

static void put_commits(struct exposition *x, const struct now *n)
{
    const struct histogram *h = &n->journal.commits;

    exposition_histogram(x, h->bucket, histogram_le_us, HISTOGRAM_BUCKETS, h->sum_us);
}

static void put_ages(struct exposition *x, const struct now *n)
{
    const struct histogram *h = &n->v->loop->ages;

    exposition_histogram(x, h->bucket, histogram_le_us, HISTOGRAM_BUCKETS, h->sum_us);
}

static void put_turns(struct exposition *x, const struct now *n)
{
    static const uint32_t le_us[] = {10000, 100000};
    const struct loop_lag *l = &n->lag;
    const uint64_t bucket[] = {l->turns - l->over_10ms, l->over_10ms - l->over_100ms,
                               l->over_100ms};

    exposition_histogram(x, bucket, le_us, 2, l->busy_us);
}

/* ---- the table ---- */

enum unit { COUNT, MICROS };

/* Its number lies in struct now, or `put` writes its samples. Without help it is one more
 * sample of the row above. */
struct metric {
    const char *name, *type;
    enum unit unit;
    uint16_t offset, size;
    struct label label; /* of a number; may have none */
    void (*put)(struct exposition *x, const struct now *n);
    const char *help;
};

#define AT(place) offsetof(struct now, place), sizeof(((struct now *)0)->place)
#define COUNTER(name, place, help)                         \
    {                                                      \
        name, "counter", COUNT, AT(place), {0}, NULL, help \
    }
#define GAUGE(name, place, help)                         \
    {                                                    \
        name, "gauge", COUNT, AT(place), {0}, NULL, help \
    }
#define SECONDS(name, type, place, help)               \
    {                                                  \
        name, type, MICROS, AT(place), {0}, NULL, help \
    }
#define BY(name, type, label, value, place, help)                \
    {                                                            \
        name, type, COUNT, AT(place), {label, value}, NULL, help \
    }
#define MORE(label, value, place)                                \
    {                                                            \
        NULL, NULL, COUNT, AT(place), {label, value}, NULL, NULL \
    }
#define PUT(name, type, put, help)              \
    {                                           \
        name, type, COUNT, 0, 0, {0}, put, help \
    }

/* clang-format off */
static const struct metric metrics[] = {
    PUT("sluice_build_info", "gauge", put_build, "Which program this is; always 1."),

    /* who is there */
    PUT("sluice_clients", "gauge", put_clients, "Connections that stay open, by what they said they are; eio: of Socket.IO, the revision of Engine.IO."),
    PUT("sluice_recovery_returns_total", "counter", put_returns, "Socket.IO clients that came back with delivery.recovery, to their session or to a gap."),
    PUT("sluice_recovery_lost_sessions", "gauge", put_lost, "Socket.IO sessions that were cut off and may come back."),
    PUT("sluice_recovery_bytes", "gauge", put_recovery_bytes, "Memory of the events that are kept for them."),
    PUT("sluice_devices", "gauge", put_devices, "Devices that the hub has met since its start."),
    GAUGE("sluice_connections", sockets.connections, "Open network connections."),
    COUNTER("sluice_connections_accepted_total", sockets.accepted, "Network connections that were let in."),
    BY("sluice_connections_refused_total", "counter", "reason", "limit", sockets.refused_max,
       "Network connections that were turned away: too many, too many of one address, no file descriptors."),
    MORE("reason", "address", sockets.refused_address),
    MORE("reason", "files", sockets.refused_files),
    PUT("sluice_handshake_failures_total", "counter", put_knocks, "Attempts to talk to the hub that led nowhere; /api/knocks has who and why."),

    /* what comes in */
    PUT("sluice_messages_received_total", "counter", put_received, "Messages of a kind we know, from who may send it."),
    PUT("sluice_messages_refused_total", "counter", put_refused, "Messages of a kind we know with something wrong in them."),
    BY("sluice_records_limited_total", "counter", "limit", "device_rate", limits.over_device,
       "Messages with records that were refused because more came than the limit allows; sluice_messages_refused_total holds them as well."),
    MORE("limit", "address_rate", limits.over_address),
    BY("sluice_devices_refused_total", "counter", "limit", "devices", limits.devices_full,
       "New devices that were refused: the hub knows as many as it can, or too many came from one address."),
    MORE("limit", "enrolments", limits.over_enrolments),
    COUNTER("sluice_streams_refused_total", frames.refused, "Messages of devices that have no live picture, because there are as many streams as there may be."),
    PUT("sluice_messages_ignored_total", "counter", put_ignored, "WebSocket messages that say nothing to us, or not from this sender."),
    PUT("sluice_frames_received_total", "counter", put_frames, "Pictures received."),
    COUNTER("sluice_frames_decoded_total", frames.decoded, "Pictures made of their text, because somebody looked."),
    COUNTER("sluice_frames_unreadable_total", frames.failed, "What somebody wanted to see, and it was no picture."),
    COUNTER("sluice_frames_unkept_total", frames.unkept, "Pictures not kept for newcomers, because others take all the room."),

    /* what goes out to viewers */
    COUNTER("sluice_messages_sent_total", sent, "Messages passed on to a viewer, pictures included, counted for each viewer."),
    COUNTER("sluice_frames_sent_total", frames_sent, "Pictures passed on to a viewer, counted for each viewer."),
    COUNTER("sluice_frames_conflated_total", frames_conflated, "Pictures that gave way to a newer one before a slow viewer could take them."),
    PUT("sluice_frame_age_seconds", "histogram", put_ages, "How old pictures were when they left for a viewer, from their arrival at the hub."),
    BY("sluice_events_dropped_total", "counter", "reason", "queue_full", rooms.dropped_full,
       "Messages that a viewer did not get."),
    MORE("reason", "closing", rooms.dropped_closed),
    MORE("reason", "no_memory", rooms.dropped_memory),
    COUNTER("sluice_viewers_cut_off_total", cut_off, "Viewers disconnected because they did not take what they must not miss."),
    GAUGE("sluice_send_queue_bytes", waiting_bytes, "Bytes waiting to leave, of all connections."),
    GAUGE("sluice_send_queue_memory_bytes", relief.waiting, "The same as memory: what several are to get counts once."),
    BY("sluice_connections_cut_total", "counter", "reason", "queue_total", relief.cut,
       "Connections that were ended for what they cost: all queues together were too long, or what was sent or read moved too slowly."),
    MORE("reason", "slow_body", slow_bodies),
    MORE("reason", "slow_message", slow_messages),
    MORE("reason", "slow_reader", slow_readers),

    /* records */
    COUNTER("sluice_records_stored_total", journal.outcome[OUTCOME_STORED], "Records that are on the disk."),
    COUNTER("sluice_records_merged_total", journal.outcome[OUTCOME_MERGED], "Records that completed one that was there."),
    COUNTER("sluice_duplicates_total", journal.outcome[OUTCOME_DUPLICATE], "Records that were there already."),
    COUNTER("sluice_records_refused_total", journal.outcome[OUTCOME_REFUSED], "Records that ask for what cannot be."),
    BY("sluice_records_failed_total", "counter", "reason", "store", journal.outcome[OUTCOME_FAILED],
       "Records that were not stored; their senders were told: the store failed, or had too much to write."),
    MORE("reason", "full", full),
    GAUGE("sluice_journal_waiting", journal.records, "Records on their way to the disk."),
    GAUGE("sluice_journal_waiting_bytes", journal.bytes, "Bytes of records on their way to the disk."),
    PUT("sluice_commit_duration_seconds", "histogram", put_commits, "How long it took to make a batch of records durable."),
    SECONDS("sluice_commit_duration_max_seconds", "gauge", journal.commit_max_us, "The longest time that it took to make a batch of records durable."),
    COUNTER("sluice_checkpoints_total", journal.checkpoints, "Times the write-ahead log was moved to where it stays."),
    COUNTER("sluice_checkpoints_failed_total", journal.checkpoints_failed, "Times the write-ahead log could not be moved to where it stays."),
    GAUGE("sluice_store_refusing", refusing, "1 while the store takes no records; /readyz says why."),

    /* pictures of records */
    COUNTER("sluice_pictures_kept_total", media.kept, "Pictures of records that were written to the disk."),
    BY("sluice_pictures_left_out_total", "counter", "reason", "busy", media.left_out[MEDIA_BUSY],
       "Records that stay without their picture: too many wait, there are too many for one camera, what came is none, no memory, the disk or the store does not take it."),
    MORE("reason", "rate", media.left_out[MEDIA_RATE]),
    MORE("reason", "no_picture", media.left_out[MEDIA_NO_PICTURE]),
    MORE("reason", "no_memory", media.left_out[MEDIA_NO_MEMORY]),
    MORE("reason", "disk", media.left_out[MEDIA_DISK]),
    MORE("reason", "store", media.left_out[MEDIA_STORE]),

    /* the disk */
    BY("sluice_storage_bytes", "gauge", "kind", "database", p.database_bytes, "Size of the store's files."),
    MORE("kind", "wal", p.log_bytes),
    MORE("kind", "media", media.bytes),
    GAUGE("sluice_storage_free_bytes", p.free_bytes, "What the store's file system has left."),
    BY("sluice_storage_written_bytes_total", "counter", "cause", "journal", journal.journal_bytes,
       "Bytes handed to the disk by the store: records made safe, records moved to where they stay, pictures, the rest."),
    MORE("cause", "checkpoint", journal.checkpoint_bytes),
    MORE("cause", "media", disk_media),
    MORE("cause", "other", disk_other),

    /* the loop: one thread that must always be quick */
    SECONDS("sluice_loop_busy_seconds_total", "counter", lag.busy_us, "Time the event loop was at work."),
    PUT("sluice_loop_lag_seconds", "histogram", put_turns, "How long the event loop's turns took: whoever came meanwhile waited."),
    SECONDS("sluice_loop_lag_max_seconds", "gauge", lag.max_us, "The longest turn of the event loop."),

    /* named as everybody names them */
    SECONDS("process_cpu_seconds_total", "counter", p.cpu_us, "Processor time, user and system, of all threads."),
    GAUGE("process_resident_memory_bytes", p.resident_bytes, "Memory in use."),
    GAUGE("process_virtual_memory_bytes", p.virtual_bytes, "Address space in use."),
    GAUGE("process_open_fds", p.open_files, "Open file descriptors."),
    GAUGE("process_max_fds", p.open_files_max, "How many file descriptors may be open."),
    SECONDS("process_start_time_seconds", "gauge", started_at_us, "When the process was started, since 1970."),
};
/* clang-format on */

/* ---- putting them into words ---- */

static uint64_t number_at(const struct now *n, const struct metric *m)
{
    const char *at = (const char *)n + m->offset;
    uint64_t v64;
    uint32_t v32;

    if (m->size == sizeof v32) {
        memcpy(&v32, at, sizeof v32);
        return v32;
    }
    memcpy(&v64, at, sizeof v64);
    return v64;
}

static void read_now(struct now *n)
{
    const struct vitals *v = n->v;

    journal_get_stats(v->journal, &n->journal);
    rooms_get_stats(v->server->rooms, &n->rooms);
    frames_get_stats(v->frames, &n->frames);
    live_wire_get_stats(v->live, &n->live);
    media_get_stats(v->media, &n->media);
    if (v->sockets != NULL) sl_sio_get_stats(sockets_server(v->sockets), &n->sio);
    n->frames_sent = n->rooms.newest + n->live.frames_sent + n->sio.newest;
    n->sent = n->rooms.delivered + n->live.frames_sent + n->sio.broadcast + n->sio.newest;
    n->frames_conflated = n->rooms.replaced + n->live.frames_conflated + n->sio.conflated;
    n->cut_off = n->rooms.closed_full + n->live.cut_off + n->sio.cut_off;
    n->lag = v->loop->lag;
    n->sockets = v->server->limits;
    n->waiting_bytes = v->loop->waiting_bytes;
    n->relief = v->loop->relief;
    n->limits = *v->limits;
    n->slow_bodies = v->server->slow_bodies;
    n->slow_messages = v->server->slow_messages;
    n->slow_readers = v->server->slow_readers;
    n->full = backlog_refused(v->backlog);
    n->refusing = n->journal.trouble.rc != 0;
    n->disk_other = disk_written_bytes(DISK_OTHER);
    n->disk_media = disk_written_bytes(DISK_MEDIA);
}

void metrics_put(struct exposition *x, const struct vitals *v, const struct process_sample *p,
                 uint64_t started_at_us)
{
    struct now n = {.v = v, .p = *p, .started_at_us = started_at_us};

    read_now(&n);
    for (const struct metric *m = metrics; m < metrics + sizeof metrics / sizeof *metrics;
         m++) {
        const struct label labels[] = {m->label, {0}};

        if (m->help != NULL) exposition_family(x, m->name, m->type, m->help);
        if (m->put != NULL)
            m->put(x, &n);
        else if (m->unit == MICROS)
            exposition_seconds(x, labels, number_at(&n, m));
        else
            exposition_count(x, labels, number_at(&n, m));
    }
}

/* ---- asking ---- */

struct metrics {
    const struct vitals *vitals;
    uint64_t started_at_us;
    struct worker_pool *pool;
    struct job job; /* one look at the files, for all who ask meanwhile */
    struct process_sample sample;
    struct exposition text;
    sl_request *asking[ASKING_MAX];
    int asking_count;
};

static void on_work(struct job *job)
{
    struct metrics *m = LIST_ENTRY(job, struct metrics, job);

    process_read(m->vitals->store, &m->sample);
}

static void answer(struct metrics *m, sl_request *r, int rc)
{
    if (rc == SL_E_STOPPING) {
        sl_answer_error(r, 503, "the hub is shutting down: try again in a moment");
    } else if (m->text.text.failed) {
        sl_answer_error(r, 503, "the hub is out of memory: try again in a moment");
    } else {
        sl_request_set_header(r, "Cache-Control", SL_STR("no-store"));
        sl_answer(r, 200, EXPOSITION_TYPE, lines_text(&m->text.text));
    }
}

static void on_done(struct job *job, int rc)
{
    struct metrics *m = LIST_ENTRY(job, struct metrics, job);
    sl_request *asking[ASKING_MAX];
    int n = m->asking_count;

    memcpy(asking, m->asking, (size_t)n * sizeof asking[0]);
    exposition_reset(&m->text);
    if (rc == 0) metrics_put(&m->text, m->vitals, &m->sample, m->started_at_us);
    m->asking_count = 0; /* an answer may bring the next request of its connection */
    for (int i = 0; i < n; i++)
        answer(m, asking[i], rc);
}

static void on_metrics(sl_request *r, void *user)
{
    struct metrics *m = user;

    if (m->asking_count == ASKING_MAX) {
        sl_answer_error(r, 503, "too many ask for metrics: try again in a moment");
        return;
    }
    m->asking[m->asking_count++] = r;
    if (m->asking_count > 1) return; /* the look is under way */
    if (worker_submit(m->pool, &m->job) == 0) return;
    m->asking_count = 0;
    answer(m, r, SL_E_STOPPING); /* the pool holds one, and that is ours: nothing else */
}

const sl_route metrics_routes[METRICS_ROUTES] = {
    SL_ROUTE(SL_GET, "/metrics", SL_RIGHT_OPEN, on_metrics, NULL),
};

int metrics_new(sl_loop *loop, const struct vitals *v, struct metrics **out)
{
    struct metrics *m = sl__zalloc(sizeof *m);
    int rc;

    *out = NULL;
    if (m == NULL) return SL_E_NOMEM;
    m->vitals = v;
    m->started_at_us = process_started_at();
    m->job.on_work = on_work;
    m->job.on_done = on_done;
    rc = worker_pool_new(loop, 1, 1, &m->pool);
    if (rc < 0) {
        sl__free(m);
        return rc;
    }
    *out = m;
    return 0;
}

void metrics_free(struct metrics *m)
{
    if (m == NULL) return;
    worker_pool_free(m->pool);
    exposition_deinit(&m->text);
    sl__free(m);
}
