/* SPDX-License-Identifier: MIT */
#include "cli/sim_scene.h"

#include "base/alloc.h"

#include <stddef.h>

#define BELT_MS 4000 /* a pane's way across the picture */

/* left to right:   |  gap  | pane 0 |  gap  | pane 1 | …   pitch = pane + gap, both moving */

struct colour {
    uint8_t r, g, b;
};

static const struct colour wall = {24, 28, 34}, belt = {44, 49, 56}, roller = {54, 60, 68},
                           glass = {126, 168, 178}, edge = {206, 232, 236},
                           flaw = {232, 244, 246}, mark = {255, 152, 0};

struct flaw {
    const char *type; /* NULL: a good pane */
    double confidence;
    int at_x, at_y; /* percent of the pane */
};

/* Pane after pane, then from the start again. */
static const struct flaw flaws[] = {
    {NULL,      0,    0,  0 },
    {"scratch", 0.87, 35, 40},
    {NULL,      0,    0,  0 },
    {"chip",    0.81, 88, 12},
    {NULL,      0,    0,  0 },
    {NULL,      0,    0,  0 },
    {"bubble",  0.68, 55, 66},
};
#define FLAWS (sizeof flaws / sizeof flaws[0])

static void fill(struct scene *s, int x, int y, int w, int h, struct colour c, int alpha)
{
    int x1 = x + w, y1 = y + h;

    if (x < 0) x = 0;
    if (y < 0) y = 0;
    if (x1 > s->width) x1 = s->width;
    if (y1 > s->height) y1 = s->height;
    for (int j = y; j < y1; j++) {
        uint8_t *p = s->rgb + ((size_t)j * (size_t)s->width + (size_t)x) * 3;

        for (int i = x; i < x1; i++, p += 3) {
            p[0] = (uint8_t)(p[0] + (c.r - p[0]) * alpha / 256);
            p[1] = (uint8_t)(p[1] + (c.g - p[1]) * alpha / 256);
            p[2] = (uint8_t)(p[2] + (c.b - p[2]) * alpha / 256);
        }
    }
}

static void frame(struct scene *s, int x, int y, int w, int h, int thick, struct colour c)
{
    fill(s, x, y, w, thick, c, 256);
    fill(s, x, y + h - thick, w, thick, c, 256);
    fill(s, x, y, thick, h, c, 256);
    fill(s, x + w - thick, y, thick, h, c, 256);
}

static void draw_belt(struct scene *s, int shift)
{
    int pitch = s->width / 12 + 1;

    fill(s, 0, 0, s->width, s->height, wall, 256);
    fill(s, 0, s->height / 8, s->width, s->height * 3 / 4, belt, 256);
    for (int x = shift % pitch - pitch; x < s->width; x += pitch) {
        fill(s, x, s->height / 8, pitch / 6 + 1, s->height * 3 / 4, roller, 256);
    }
}

static void draw_flaw(struct scene *s, const struct flaw *f, int x, int y, int unit)
{
    if (f->type[0] == 's') { /* a scratch: a slanted line */
        for (int i = 0; i < unit * 4; i++)
            fill(s, x + i - unit * 2, y + i / 3, 2, 2, flaw, 230);
    } else if (f->type[0] == 'c') { /* a chip: a corner is missing */
        fill(s, x, y - unit, unit * 2, unit * 2, belt, 256);
    } else { /* a bubble: a bright ring */
        for (int j = -unit; j <= unit; j++) {
            for (int i = -unit; i <= unit; i++) {
                int d = i * i + j * j, outer = unit * unit;

                if (d <= outer && d * 10 >= outer * 6) fill(s, x + i, y + j, 1, 1, flaw, 220);
            }
        }
    }
}

static struct sighting draw_pane(struct scene *s, const struct flaw *f, int x, int w)
{
    int y = s->height / 5, h = s->height * 3 / 5, unit = s->width / 40 + 2;
    int fx = x + w * f->at_x / 100, fy = y + h * f->at_y / 100;

    fill(s, x, y, w, h, glass, 150);
    for (int i = 0; i < w / 5; i++)
        fill(s, x + w / 6 + i, y, 1, h, edge, 40); /* a reflection */
    frame(s, x, y, w, h, 2, edge);
    if (f->type == NULL) return (struct sighting){0};
    draw_flaw(s, f, fx, fy, unit);
    if (fx < s->width / 4 || fx > s->width * 3 / 4) return (struct sighting){0};
    frame(s, fx - unit * 3, fy - unit * 3, unit * 6, unit * 6, 3,
          mark); /* as the device draws */
    return (struct sighting){f->type, f->confidence};
}

int scene_init(struct scene *s, int width, int height)
{
    s->width = width;
    s->height = height;
    s->rgb = sl__alloc((size_t)width * (size_t)height * 3);
    return s->rgb != NULL ? 0 : SL_E_NOMEM;
}

void scene_deinit(struct scene *s)
{
    sl__free(s->rgb);
    s->rgb = NULL;
}

struct sighting scene_draw(struct scene *s, uint64_t ms)
{
    struct sighting seen = {0};
    int pane = s->width * 2 / 5, pitch = s->width / 2;
    uint64_t moved = ms * (uint64_t)s->width / BELT_MS;
    uint64_t first = moved / (uint64_t)pitch;
    int shift = (int)(moved % (uint64_t)pitch);

    draw_belt(s, (int)(moved % (uint64_t)(s->width / 12 + 1)));
    for (int i = -1; i * pitch + shift < s->width; i++) {
        /* panes further right came earlier */
        const struct flaw *f = &flaws[(first + FLAWS - (uint64_t)(i + 1)) % FLAWS];
        struct sighting now = draw_pane(s, f, i * pitch + shift, pane);

        if (now.type != NULL) seen = now;
    }
    fill(s, 0, s->height - 6, (int)(ms % 1000 * (uint64_t)s->width / 1000), 6, mark, 256);
    return seen;
}
