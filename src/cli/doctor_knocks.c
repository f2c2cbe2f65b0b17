/* SPDX-License-Identifier: MIT */
/* The row about those who never got as far as the rows before it: /api/knocks. */
#include "base/alloc.h"
#include "cli/doctor.h"

#define HOUR_US INT64_C(3600000000)

/* What happens to healthy systems as well is left to the page. */
static bool is_recent(const struct doctor *d, sl_value knock)
{
    int64_t last;

    return sl_value_i64(sl_value_get(knock, SL_STR("last_us")), &last)
           && doctor_hub_now_us(d) - last < HOUR_US
           && !sl_value_is_str(sl_value_get(knock, SL_STR("severity")), SL_STR("note"));
}

static sl_str text_of(sl_value knock, sl_str key)
{
    sl_str text = {"", 0};

    (void)sl_value_str(sl_value_get(knock, key), &text);
    return text;
}

static void found_knocks(sl_value newest, size_t n, struct finding *f)
{
    sl_str from = text_of(newest, SL_STR("address")), cause = text_of(newest, SL_STR("cause"));
    sl_str path = text_of(newest, SL_STR("path")), cure = text_of(newest, SL_STR("cure"));
    int64_t count = 0;

    (void)sl_value_i64(sl_value_get(newest, SL_STR("count")), &count);
    found(f, FOUND_WARN, "%.*s tried in vain (%lld times%s%.*s): %.*s", (int)from.len, from.ptr,
          (long long)count, path.len > 0 ? ", " : "", (int)path.len, path.ptr, (int)cause.len,
          cause.ptr);
    if (n > 1)
        next_is(f, "%.*s The page has %zu more under Knocking.", (int)cure.len, cure.ptr,
                n - 1);
    else
        next_is(f, "%.*s", (int)cure.len, cure.ptr);
}

static void judge(const struct doctor *d, sl_value list, struct finding *f)
{
    sl_value newest = {0};
    size_t n = 0;

    for (sl_value v = sl_value_first(list, NULL); sl_value_type(v) != SL_JSON_NONE;
         v = sl_value_next(list, v, NULL)) {
        if (is_recent(d, v) && n++ == 0) newest = v; /* the newest is first */
    }
    if (n == 0)
        found(f, FOUND_PASS, "nobody tried in vain within the last hour");
    else
        found_knocks(newest, n, f);
}

void step_knocks(struct doctor *d, struct finding *f)
{
    struct reply *r = sl__zalloc(sizeof *r);
    sl_json doc = {0};
    int rc = r != NULL ? doctor_get(d, &d->url, "/api/knocks", r, &doc) : SL_E_NOMEM;
    sl_value list = sl_value_get(sl_json_root(&doc), SL_STR("knocks"));

    if (rc == 0 && r->status == 200 && sl_value_type(list) == SL_JSON_ARRAY)
        judge(d, list, f);
    else
        found(f, FOUND_SKIP, "this hub does not tell who tried in vain");
    sl_json_deinit(&doc);
    if (r != NULL) reply_deinit(r);
    sl__free(r);
}
