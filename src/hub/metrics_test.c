/* SPDX-License-Identifier: MIT */
/* Every row of the table, on a hub whose numbers the test sets; and asking for them. */
#include "hub/metrics.h"

#include "hub/intake_inside.h"
#include "serve/eio_inside.h"
#include "serve/http_test.h"
#include "serve/sio_inside.h"

#include <ctype.h>

static struct journal_stats journal;
static uint64_t full;
static struct frames_stats frames;
static struct live_wire_stats live;
static struct media_stats media;

void frames_get_stats(const struct frames *f, struct frames_stats *out)
{
    (void)f;
    *out = frames;
}

void live_wire_get_stats(const struct live_wire *l, struct live_wire_stats *out)
{
    (void)l;
    *out = live;
}

void media_get_stats(const struct media *m, struct media_stats *out)
{
    (void)m;
    *out = media;
}

void journal_get_stats(const struct journal *j, struct journal_stats *out)
{
    (void)j;
    *out = journal;
}

uint64_t backlog_refused(const struct backlog *b)
{
    (void)b;
    return full;
}

int hub_append(struct hub *h, struct record *r, struct sender *s)
{
    (void)h;
    (void)r;
    (void)s;
    return SL_E_FULL;
}

bool hub_is_stopping(const struct hub *h)
{
    (void)h;
    return false;
}

/* ---- a strict reader of the format: what it lets pass, any scraper takes ---- */

#define SERIES_MAX 256

struct reader {
    const char *at;
    char family[128], type[16];
    bool has_type;
    int families, series_count;
    const char *series[SERIES_MAX]; /* name and labels; to find one that comes twice */
    size_t series_len[SERIES_MAX];
};

static void expect(struct reader *r, const char *z)
{
    if (strncmp(r->at, z, strlen(z)) != 0) fail_msg("\"%s\" expected at \"%.60s\"", z, r->at);
    r->at += strlen(z);
}

static size_t name_len(const char *z)
{
    size_t n =
        isdigit((unsigned char)*z) ? 0 : strspn(z, "abcdefghijklmnopqrstuvwxyz_0123456789");

    if (n == 0) fail_msg("no name at \"%.60s\"", z);
    return n;
}

static bool ends_with(const char *z, const char *end)
{
    size_t n = strlen(z), m = strlen(end);

    return n >= m && strcmp(z + n - m, end) == 0;
}

/* HELP, then TYPE, of a family that has not been there. */
static void read_family(struct reader *r, const char *all)
{
    size_t n;
    char line[160];

    expect(r, "# HELP ");
    n = name_len(r->at);
    assert_in_range(n, 1, sizeof r->family - 1);
    memcpy(r->family, r->at, n);
    r->family[n] = '\0';
    snprintf(line, sizeof line, "# HELP %s ", r->family);
    assert_ptr_equal(strstr(all, line), r->at - strlen("# HELP "));
    r->at += n;
    expect(r, " ");
    n = strcspn(r->at, "\n");
    if (n < 10 || r->at[n - 1] != '.') fail_msg("%s: help is a sentence", r->family);
    r->at += n;
    expect(r, "\n# TYPE ");
    expect(r, r->family);
    expect(r, " ");
    n = name_len(r->at);
    assert_in_range(n, 1, sizeof r->type - 1);
    memcpy(r->type, r->at, n);
    r->type[n] = '\0';
    r->at += n;
    expect(r, "\n");
    if (strcmp(r->type, "counter") != 0 && strcmp(r->type, "gauge") != 0
        && strcmp(r->type, "histogram") != 0)
        fail_msg("%s: type %s", r->family, r->type);
    assert_int_equal(ends_with(r->family, "_total"), strcmp(r->type, "counter") == 0);
    r->families++;
}

static void read_labels(struct reader *r)
{
    if (*r->at != '{') return;
    do {
        r->at++;
        r->at += name_len(r->at);
        expect(r, "=\"");
        while (*r->at != '"') {
            if (*r->at == '\\') {
                r->at++;
                if (strchr("\\\"n", *r->at) == NULL) fail_msg("escape at \"%.60s\"", r->at);
            }
            assert_true(*r->at != '\0' && *r->at != '\n');
            r->at++;
        }
        r->at++;
    } while (*r->at == ',');
    expect(r, "}");
}

static void read_sample(struct reader *r)
{
    static const char *const parts[] = {"_bucket", "_sum", "_count"};
    const char *start = r->at;
    size_t family = strlen(r->family), n;
    char *end;

    if (strncmp(r->at, r->family, family) != 0)
        fail_msg("a sample of another family: %.60s", r->at);
    r->at += family;
    for (size_t i = 0; i < 3 && strcmp(r->type, "histogram") == 0; i++) {
        if (strncmp(r->at, parts[i], strlen(parts[i])) != 0) continue;
        r->at += strlen(parts[i]);
        break;
    }
    read_labels(r);
    n = (size_t)(r->at - start);
    for (int i = 0; i < r->series_count; i++) {
        if (r->series_len[i] == n && memcmp(r->series[i], start, n) == 0)
            fail_msg("twice: %.*s", (int)n, start);
    }
    assert_in_range(r->series_count, 0, SERIES_MAX - 1);
    r->series[r->series_count] = start;
    r->series_len[r->series_count++] = n;
    expect(r, " ");
    assert_true(isdigit((unsigned char)*r->at));
    assert_true(strtod(r->at, &end) >= 0);
    r->at = end;
    expect(r, "\n");
}

static void read_all(struct reader *r, const char *text)
{
    *r = (struct reader){.at = text};
    while (*r->at != '\0') {
        read_family(r, text);
        do
            read_sample(r);
        while (*r->at != '\0' && *r->at != '#');
    }
}

/* ---- a hub of two systems ---- */

static const struct record_kind thing = {.system = "one", .name = "thing"};
static const struct intake intakes[] = {
    {.ws_type = "picture",    .class = CLASS_FRAME },
    {                      .http_path = "/thing", .http_method = SL_POST, .class = CLASS_RECORD, .kind = &thing},
    {        .http_path = "/again",   .http_method = SL_PUT, .class = CLASS_RECORD, .kind = &thing},
    {.http_path = "/hello",                       .http_method = SL_POST,                        .class = CLASS_STATE},
};
static const char *const roles[] = {"device", "viewer", NULL};
static const char *const ws_paths[] = {"/ws", NULL};

static void count_devices(const void *state, uint32_t *connected, uint32_t *disconnected)
{
    *connected = *(const uint32_t *)state;
    *disconnected = 2;
}

static const struct system one = {.name = "one",
                                  .ws_paths = ws_paths,
                                  .roles = roles,
                                  .intakes = intakes,
                                  .intake_count = 4,
                                  .count_devices = count_devices};
static const struct system odd = {.name = "o\"d\\d\n", .ws_paths = ws_paths};
static const struct system quiet = {.name = "quiet"}; /* nothing by WebSocket */

struct bench {
    struct kit k;
    struct vitals vitals;
    struct limits limits;
    struct knocks *knocks;
    struct metrics *metrics;
    struct intakes *x[3];
    uint32_t connected;
    sl_route routes[METRICS_ROUTES];
    char *text;
};

static void open_bench(struct bench *b)
{
    static const struct system *const systems[] = {&one, &odd, &quiet};
    sl_server_options o = {.routes = b->routes, .route_count = METRICS_ROUTES};

    memset(b, 0, sizeof *b);
    memset(&journal, 0, sizeof journal);
    frames = (struct frames_stats){0};
    live = (struct live_wire_stats){0};
    media = (struct media_stats){0};
    full = 0;
    b->vitals = (struct vitals){.version = "1.2-test", .store = "/nowhere", .system_count = 3};
    for (int i = 0; i < 3; i++) {
        assert_int_equal(intakes_new(NULL, systems[i], NULL, &b->x[i]), 0);
        b->vitals.system[i] = (struct vital_system){systems[i], &b->connected, b->x[i]};
    }
    b->routes[0] = metrics_routes[0];
    kit_open(&b->k, &o);
    b->vitals.loop = b->k.loop;
    b->vitals.server = b->k.server;
    assert_int_equal(knocks_new(b->k.loop, &b->knocks), 0);
    b->vitals.knocks = b->knocks;
    b->vitals.limits = &b->limits;
    assert_int_equal(metrics_new(b->k.loop, &b->vitals, &b->metrics), 0);
    ((sl_route *)b->routes)[0].user = b->metrics;
}

static void close_bench(struct bench *b)
{
    metrics_free(b->metrics);
    knocks_free(b->knocks);
    kit_close(&b->k);
    for (int i = 0; i < 3; i++)
        intakes_free(b->x[i]);
    free(b->text);
}

static const char *put(struct bench *b, const struct process_sample *p)
{
    struct exposition x = {0};
    sl_str text;

    metrics_put(&x, &b->vitals, p, 1795212907049606);
    text = lines_text(&x.text);
    assert_false(x.text.failed);
    free(b->text);
    b->text = calloc(1, text.len + 1);
    assert_non_null(b->text);
    memcpy(b->text, text.ptr, text.len);
    exposition_deinit(&x);
    return b->text;
}

/* Each place gets a number of its own. */
static void knock_often(struct bench *b, enum knock_cause cause, int times)
{
    while (times-- > 0)
        knock_note(b->knocks, &(struct knock){.cause = cause, .peer = "?"});
}

static void set_numbers(struct bench *b)
{
    sl_server *s = b->k.server;

    b->connected = 101;
    b->x[0]->clients[0] = 102, b->x[0]->clients[1] = 103, b->x[0]->clients[2] = 104;
    b->x[0]->clients[3] = 999; /* a role without a name */
    b->x[0]->routes[0].received = 105, b->x[0]->routes[0].refused = 106;
    b->x[0]->routes[1].received = 7, b->x[0]->routes[1].refused = 8;
    b->x[0]->routes[2].received = 100, b->x[0]->routes[2].refused = 100;
    b->x[0]->routes[3].received = 109, b->x[0]->routes[3].refused = 110;
    b->x[0]->ignored = 111, b->x[1]->ignored = 112;
    s->limits.connections = 113, s->limits.accepted = 114;
    s->limits.refused_max = 115, s->limits.refused_address = 116;
    s->limits.refused_files = 117;
    b->k.loop->waiting_bytes = 118;
    b->k.loop->relief.waiting = 159, b->k.loop->relief.cut = 160;
    b->limits = (struct limits){
        .over_device = 164, .over_address = 165, .devices_full = 166, .over_enrolments = 167};
    s->slow_bodies = 161, s->slow_messages = 162, s->slow_readers = 163;
    b->k.loop->lag = (struct loop_lag){
        .turns = 1000, .busy_us = 119, .max_us = 120, .over_10ms = 30, .over_100ms = 1};
    journal = (struct journal_stats){
        .outcome = {121, 122, 123, 124, 125},
        .records = 126,
        .bytes = 127,
        .commit_max_us = 128,
        .checkpoints = 129,
        .checkpoints_failed = 130,
        .journal_bytes = 131,
        .checkpoint_bytes = 132,
        .trouble.rc = SL_E_DB
    };
    histogram_add(&journal.commits, 250);
    histogram_add(&journal.commits, 251);
    full = 133;
    histogram_add(&b->k.loop->ages, 900);
    histogram_add(&b->k.loop->ages, 1100);
    frames =
        (struct frames_stats){.decoded = 151, .failed = 152, .unkept = 153, .refused = 168};
    live = (struct live_wire_stats){.viewers = 154,
                                    .frames_sent = 155,
                                    .frames_conflated = 156,
                                    .events = 157,
                                    .cut_off = 158};
    media = (struct media_stats){
        .kept = 161, .bytes = 162, .left_out = {171, 172, 173, 174, 175, 176}
    };
}

static const char *const lines[] = {
    "sluice_build_info{version=\"1.2-test\"} 1",
    "sluice_clients{system=\"one\",role=\"none\",transport=\"websocket\"} 102",
    "sluice_clients{system=\"one\",role=\"device\",transport=\"websocket\"} 103",
    "sluice_clients{system=\"one\",role=\"viewer\",transport=\"websocket\"} 104",
    "sluice_clients{system=\"live\",role=\"viewer\",transport=\"websocket\"} 154",
    "sluice_clients{system=\"o\\\"d\\\\d\\n\",role=\"none\",transport=\"websocket\"} 0",
    "sluice_recovery_returns_total{result=\"recovered\"} 0",
    "sluice_recovery_returns_total{result=\"gap\"} 0",
    "sluice_recovery_lost_sessions 0",
    "sluice_recovery_bytes 0",
    "sluice_devices{system=\"one\",state=\"connected\"} 101",
    "sluice_devices{system=\"one\",state=\"disconnected\"} 2",
    "sluice_connections 113",
    "sluice_connections_accepted_total 114",
    "sluice_connections_refused_total{reason=\"limit\"} 115",
    "sluice_connections_refused_total{reason=\"address\"} 116",
    "sluice_connections_refused_total{reason=\"files\"} 117",
    "sluice_handshake_failures_total{reason=\"tls_on_plain_port\"} 181",
    "sluice_handshake_failures_total{reason=\"missing_field\"} 182",
    "sluice_messages_received_total{system=\"one\",kind=\"picture\"} 105",
    "sluice_messages_received_total{system=\"one\",kind=\"thing\"} 107", /* of two rows */
    "sluice_messages_received_total{system=\"one\",kind=\"/hello\"} 109",
    "sluice_messages_refused_total{system=\"one\",kind=\"picture\"} 106",
    "sluice_messages_refused_total{system=\"one\",kind=\"thing\"} 108",
    "sluice_messages_refused_total{system=\"one\",kind=\"/hello\"} 110",
    "sluice_messages_ignored_total{system=\"one\"} 111",
    "sluice_messages_ignored_total{system=\"o\\\"d\\\\d\\n\"} 112",
    "sluice_frames_received_total 105",
    "sluice_frames_decoded_total 151",
    "sluice_frames_unreadable_total 152",
    "sluice_frames_unkept_total 153",
    "sluice_messages_sent_total 155",
    "sluice_frames_sent_total 155",
    "sluice_frames_conflated_total 156",
    "sluice_frame_age_seconds_bucket{le=\"0.0005\"} 0",
    "sluice_frame_age_seconds_bucket{le=\"0.001\"} 1",
    "sluice_frame_age_seconds_bucket{le=\"0.0025\"} 2",
    "sluice_frame_age_seconds_bucket{le=\"+Inf\"} 2",
    "sluice_frame_age_seconds_sum 0.002000",
    "sluice_frame_age_seconds_count 2",
    "sluice_events_dropped_total{reason=\"queue_full\"} 0",
    "sluice_events_dropped_total{reason=\"closing\"} 0",
    "sluice_events_dropped_total{reason=\"no_memory\"} 0",
    "sluice_viewers_cut_off_total 158",
    "sluice_send_queue_bytes 118",
    "sluice_send_queue_memory_bytes 159",
    "sluice_records_limited_total{limit=\"device_rate\"} 164",
    "sluice_records_limited_total{limit=\"address_rate\"} 165",
    "sluice_devices_refused_total{limit=\"devices\"} 166",
    "sluice_devices_refused_total{limit=\"enrolments\"} 167",
    "sluice_streams_refused_total 168",
    "sluice_connections_cut_total{reason=\"queue_total\"} 160",
    "sluice_connections_cut_total{reason=\"slow_body\"} 161",
    "sluice_connections_cut_total{reason=\"slow_message\"} 162",
    "sluice_connections_cut_total{reason=\"slow_reader\"} 163",
    "sluice_records_stored_total 121",
    "sluice_duplicates_total 122",
    "sluice_records_merged_total 123",
    "sluice_records_refused_total 124",
    "sluice_records_failed_total{reason=\"store\"} 125",
    "sluice_records_failed_total{reason=\"full\"} 133",
    "sluice_journal_waiting 126",
    "sluice_journal_waiting_bytes 127",
    "sluice_commit_duration_seconds_bucket{le=\"0.0001\"} 0",
    "sluice_commit_duration_seconds_bucket{le=\"0.00025\"} 1",
    "sluice_commit_duration_seconds_bucket{le=\"0.0005\"} 2",
    "sluice_commit_duration_seconds_bucket{le=\"5\"} 2",
    "sluice_commit_duration_seconds_bucket{le=\"+Inf\"} 2",
    "sluice_commit_duration_seconds_sum 0.000501",
    "sluice_commit_duration_seconds_count 2",
    "sluice_commit_duration_max_seconds 0.000128",
    "sluice_checkpoints_total 129",
    "sluice_checkpoints_failed_total 130",
    "sluice_store_refusing 1",
    "sluice_storage_bytes{kind=\"database\"} 141",
    "sluice_pictures_kept_total 161",
    "sluice_pictures_left_out_total{reason=\"busy\"} 171",
    "sluice_pictures_left_out_total{reason=\"rate\"} 172",
    "sluice_pictures_left_out_total{reason=\"no_picture\"} 173",
    "sluice_pictures_left_out_total{reason=\"no_memory\"} 174",
    "sluice_pictures_left_out_total{reason=\"disk\"} 175",
    "sluice_pictures_left_out_total{reason=\"store\"} 176",
    "sluice_storage_bytes{kind=\"wal\"} 142",
    "sluice_storage_bytes{kind=\"media\"} 162",
    "sluice_storage_free_bytes 143",
    "sluice_storage_written_bytes_total{cause=\"journal\"} 131",
    "sluice_storage_written_bytes_total{cause=\"checkpoint\"} 132",
    "sluice_storage_written_bytes_total{cause=\"media\"} 0",
    "sluice_storage_written_bytes_total{cause=\"other\"} 0",
    "sluice_loop_busy_seconds_total 0.000119",
    "sluice_loop_lag_seconds_bucket{le=\"0.01\"} 970",
    "sluice_loop_lag_seconds_bucket{le=\"0.1\"} 999",
    "sluice_loop_lag_seconds_bucket{le=\"+Inf\"} 1000",
    "sluice_loop_lag_seconds_sum 0.000119",
    "sluice_loop_lag_seconds_count 1000",
    "sluice_loop_lag_max_seconds 0.000120",
    "process_cpu_seconds_total 0.000144",
    "process_resident_memory_bytes 145",
    "process_virtual_memory_bytes 146",
    "process_open_fds 147",
    "process_max_fds 148",
    "process_start_time_seconds 1795212907.049606",
};

/* Viewers are viewers, whatever they speak. */
static void test_socket_io_counts_with_the_others(void **state)
{
    const struct process_sample p = {0};
    struct sockets *s = NULL;
    struct bench b;
    const char *text;
    sl_sio *sio;

    (void)state;
    open_bench(&b);
    live = (struct live_wire_stats){.frames_sent = 1, .frames_conflated = 2, .cut_off = 3};
    assert_int_equal(sockets_new(b.k.loop, 0, 0, &s, NULL), 0);
    b.vitals.sockets = s;
    sio = sockets_server(s);
    sio->broadcast = 1000;
    sio->eio->stats.newest = 20;
    sio->eio->stats.conflated = 30;
    sio->eio->stats.cut_off = 40;
    text = put(&b, &p);
    assert_has(text, "\nsluice_messages_sent_total 1021\n");
    assert_has(text, "\nsluice_frames_sent_total 21\n");
    assert_has(text, "\nsluice_frames_conflated_total 32\n");
    assert_has(text, "\nsluice_viewers_cut_off_total 43\n");
    sockets_free(s);
    close_bench(&b);
}

static void test_every_number_in_its_place(void **state)
{
    const struct process_sample p = {.database_bytes = 141,
                                     .log_bytes = 142,
                                     .free_bytes = 143,
                                     .cpu_us = 144,
                                     .resident_bytes = 145,
                                     .virtual_bytes = 146,
                                     .open_files = 147,
                                     .open_files_max = 148};
    const size_t n = sizeof lines / sizeof lines[0];
    const int more_causes = KNOCK_CAUSES - 2;
    const int more_buckets = 2 * (HISTOGRAM_BUCKETS + 1) - 9; /* that are not listed */
    struct reader r;
    struct bench b;
    const char *text;

    (void)state;
    open_bench(&b);
    set_numbers(&b);
    knock_often(&b, KNOCK_TLS, 181);
    knock_often(&b, KNOCK_MISSING, 182);
    text = put(&b, &p);
    read_all(&r, text);
    for (size_t i = 0; i < n; i++) {
        char line[160];

        snprintf(line, sizeof line, "\n%s\n", lines[i]);
        assert_has(text, line);
    }
    assert_int_equal(r.series_count,
                     (int)n + more_buckets + more_causes); /* none is missing above */
    b.k.loop->waiting_bytes = 0;
    b.k.loop->relief.waiting = 0;
    close_bench(&b);
}

/* Two readings in a row: nothing of the first is left over. */
static void test_each_reading_is_new(void **state)
{
    const struct process_sample p = {0};
    struct bench b;

    (void)state;
    open_bench(&b);
    journal.outcome[OUTCOME_STORED] = 5;
    assert_has(put(&b, &p), "\nsluice_records_stored_total 5\n");
    journal.outcome[OUTCOME_STORED] = 6;
    assert_has(put(&b, &p), "\nsluice_records_stored_total 6\n");
    assert_lacks(b.text, "sluice_records_stored_total 5");
    assert_has(b.text, "\nsluice_store_refusing 0\n");
    close_bench(&b);
}

/* ---- asking ---- */

static void settle(struct kit *k)
{
    while (k->loop->pending > 0)
        uv_run(k->loop->uv, UV_RUN_ONCE);
    sl__loop_crank(k->loop, 0);
}

static void test_a_scrape(void **state)
{
    struct reader r;
    struct bench b;
    const char *text, *body;

    (void)state;
    open_bench(&b);
    for (int i = 0; i < 3; i++) {
        mem_stream_clear(b.k.m);
        kit_feed(&b.k, "GET /metrics HTTP/1.1\r\nHost: h\r\n\r\n");
        settle(&b.k);
        text = kit_text(&b.k);
        assert_has(text, "HTTP/1.1 200 OK\r\n");
        assert_has(text, "Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n");
        assert_has(text, "Cache-Control: no-store\r\n");
        body = strstr(text, "\r\n\r\n");
        assert_non_null(body);
        read_all(&r, body + 4);
        assert_true(r.families > 30);
        assert_lacks(text, "\nprocess_resident_memory_bytes 0\n");
    }
    close_bench(&b);
}

/* One look is enough for all; beyond the bound they are told to come again. */
static void test_many_ask_at_once(void **state)
{
    enum { ASKERS = 18, PLACES = 16 };
    struct mem_stream *m[ASKERS];
    int good = 0, refused = 0;
    struct bench b;

    (void)state;
    open_bench(&b);
    for (int i = 0; i < ASKERS; i++) {
        if (i > 0) kit_connect(&b.k);
        m[i] = b.k.m;
        mem_stream_feed(m[i], "GET /metrics HTTP/1.1\r\nHost: h\r\n\r\n", 34);
    }
    sl__loop_crank(b.k.loop, 0);
    settle(&b.k);
    for (int i = 0; i < ASKERS; i++) {
        b.k.m = m[i];
        good += strstr(kit_text(&b.k), "HTTP/1.1 200 OK\r\n") != NULL;
        refused += strstr(kit_text(&b.k), "HTTP/1.1 503 ") != NULL;
        kit_disconnect(&b.k);
    }
    assert_int_equal(good, PLACES);
    assert_int_equal(refused, ASKERS - PLACES);
    close_bench(&b);
}

static void test_making_them_may_fail(void **state)
{
    struct metrics *m;
    sl_loop *loop;
    int n = 0, rc = SL_E_NOMEM;

    (void)state;
    assert_int_equal(sl_loop_new(&loop), 0);
    for (; rc != 0 && n < 20; n++) {
        sl__alloc_fail_after(n);
        rc = metrics_new(loop, NULL, &m);
        sl__alloc_fail_after(-1);
        assert_true((rc == 0) == (m != NULL));
    }
    assert_in_range(n, 3, 19);
    metrics_free(m);
    metrics_free(NULL);
    sl_loop_free(loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_number_in_its_place),
        cmocka_unit_test(test_socket_io_counts_with_the_others),
        cmocka_unit_test(test_each_reading_is_new),
        cmocka_unit_test(test_a_scrape),
        cmocka_unit_test(test_many_ask_at_once),
        cmocka_unit_test(test_making_them_may_fail),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
