/* SPDX-License-Identifier: MIT */
#include "systems/glass_cameras.h"

#include "base/alloc.h"
#include "base/map.h"
#include "systems/glass_relay.h"

int cameras_init(struct cameras *all)
{
    *all = (struct cameras){.by_id = map_new()};
    return all->by_id != NULL ? 0 : SL_E_NOMEM;
}

struct camera *cameras_next(const struct cameras *all, uint32_t *i)
{
    void *value;
    sl_str id;

    return map_next(all->by_id, i, &id, &value) ? value : NULL;
}

void cameras_deinit(struct cameras *all)
{
    struct camera *cam;

    if (all->by_id == NULL) return;
    for (uint32_t i = 0; (cam = cameras_next(all, &i)) != NULL;) {
        relay_drop(&cam->last);
        sl__free(cam);
    }
    map_free(all->by_id);
    *all = (struct cameras){0};
}

struct camera *cameras_find(const struct cameras *all, sl_str id)
{
    return map_find(all->by_id, id);
}

uint32_t cameras_count(const struct cameras *all)
{
    return map_count(all->by_id);
}

struct camera *cameras_get(struct cameras *all, sl_str id)
{
    struct camera *cam = map_find(all->by_id, id);

    if (cam != NULL) return cam;
    cam = sl__zalloc(sizeof *cam);
    if (cam == NULL) return NULL;
    list_init(&cam->sockets);
    list_init(&cam->feeds);
    cam->number = all->next_number++;
    cam->id_len = (uint16_t)id.len;
    memcpy(cam->id, id.ptr, id.len);
    if (map_put(all->by_id, id, cam, NULL) < 0) {
        sl__free(cam);
        return NULL;
    }
    return cam;
}

void cameras_keep_last(struct cameras *all, struct camera *cam, sl_message *m)
{
    all->last_bytes -= cam->last.bytes;
    relay_drop(&cam->last);
    if (m->bytes > LAST_FRAMES_MAX - all->last_bytes) {
        relay_drop(m); /* newcomers wait for the next one */
        return;
    }
    cam->last = *m;
    all->last_bytes += m->bytes;
}

const char *camera_printable(sl_str id, char buf[DEVICE_ID_MAX + 1])
{
    for (size_t i = 0; i < id.len; i++) {
        char ch = id.ptr[i];

        buf[i] = ch == '"' || ch == '\\' || (unsigned char)ch < 0x20 ? '?' : ch;
    }
    buf[id.len] = '\0';
    return buf;
}

sl_buf *camera_make_status(const struct camera *cam)
{
    sl_json_out out = {0};
    sl_buf *b = NULL;

    sl_out_object(&out);
    sl_out_key(&out, "type");
    sl_out_str(&out, SL_STR("device_status"));
    sl_out_key(&out, "device_id");
    sl_out_str(&out, camera_id(cam));
    sl_out_key(&out, "status");
    sl_out_str(&out, camera_is_connected(cam) ? SL_STR("connected") : SL_STR("disconnected"));
    sl_out_end(&out);
    if (out.rc == 0) b = sl_buf_copy(sl_out_text(&out));
    sl_out_deinit(&out);
    return b;
}

static void put_device(sl_json_out *out, const struct camera *cam)
{
    char text[WALL_TEXT_SIZE];

    sl_out_object(out);
    sl_out_key(out, "device_id");
    sl_out_str(out, camera_id(cam));
    sl_out_key(out, "status");
    sl_out_str(out, SL_STR("connected"));
    sl_out_key(out, "timestamp");
    sl_out_str(out, sl_str_of(wall_format(cam->changed_at, text)));
    sl_out_end(out);
}

void cameras_put_status(const struct cameras *all, sl_json_out *out)
{
    char text[WALL_TEXT_SIZE];
    const struct camera *cam;
    int64_t count = 0;

    sl_out_object(out);
    sl_out_key(out, "devices");
    sl_out_array(out);
    for (uint32_t i = 0; (cam = cameras_next(all, &i)) != NULL;) {
        if (!camera_is_connected(cam)) continue;
        put_device(out, cam);
        count++;
    }
    sl_out_end(out);
    sl_out_key(out, "count");
    sl_out_i64(out, count);
    sl_out_key(out, "timestamp");
    sl_out_str(out, sl_str_of(wall_format(wall_now(), text)));
    sl_out_end(out);
}
