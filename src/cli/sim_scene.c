/* SPDX-License-Identifier: MIT */
#include "cli/sim_scene.h"

#include "base/alloc.h"

#define BELT_MS 4000 /* a pane's way across the picture */

/* left to right:   |  gap  | pane 0 |  gap  | pane 1 | …   pitch = pane + gap, both moving */

struct colour {
    uint8_t r, g, b;
};

static const struct colour wall = {24, 28, 34}, belt = {44, 49, 56}, roller = {54, 60, 68},
                           glass = {126, 168, 178}, edge = {206, 232, 236},
                           flaw = {232, 244, 246}, mark = {255, 152, 0};

static const struct flaw {
    int pane; /* which of the loop's */
    const char *type;
    double confidence;
    int at_x, at_y; /* percent of the pane */
} flaws[] = {
    {1, "scratch", 0.87, 35, 40},
    {3, "chip",    0.81, 88, 12},
    {5, "smudge",  0.34, 50, 50}, /* seen, but too uncertain to be told */
    {6, "bubble",  0.68, 55, 66},
    {6, "scratch", 0.59, 30, 30},
};
#define FLAWS (sizeof flaws / sizeof flaws[0])
#define PANES (SCENE_LOOP_MS * 2 / BELT_MS) /* two are in a picture */

/* A flaw's middle in the picture, and whether it is under the inspection line: the middle. */
struct place {
    int x, y, unit;
    bool is_seen;
};

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

/* Six rollers a pane, so that the loop has no seam. */
static void draw_belt(struct scene *s, int pitch, int shift)
{
    fill(s, 0, 0, s->width, s->height, wall, 256);
    fill(s, 0, s->height / 8, s->width, s->height * 3 / 4, belt, 256);
    for (int i = -6; i < 12; i++) {
        fill(s, shift + i * pitch / 6, s->height / 8, pitch / 36 + 1, s->height * 3 / 4, roller,
             256);
    }
}

static void draw_flaw(struct scene *s, const struct flaw *f, int x, int y, int unit)
{
    if (f->type[1] == 'c') { /* a scratch: a slanted line */
        for (int i = 0; i < unit * 4; i++)
            fill(s, x + i - unit * 2, y + i / 3, 2, 2, flaw, 230);
    } else if (f->type[0] == 'c') { /* a chip: a corner is missing */
        fill(s, x, y - unit, unit * 2, unit * 2, belt, 256);
    } else if (f->type[1] == 'm') { /* a smudge: hardly to be seen */
        fill(s, x - unit, y - unit, unit * 2, unit * 2, flaw, 40);
    } else { /* a bubble: a bright ring */
        for (int j = -unit; j <= unit; j++) {
            for (int i = -unit; i <= unit; i++) {
                int d = i * i + j * j, outer = unit * unit;

                if (d <= outer && d * 10 >= outer * 6) fill(s, x + i, y + j, 1, 1, flaw, 220);
            }
        }
    }
}

/* ---- where everything is ---- */

/* left edge of the i-th pane from the left, and which of the loop's it is */
struct pane {
    int x, number;
};

static int pitch_of(int width)
{
    return width / 2;
}

/* How far the belt has come into the present pitch. */
static int shift_at(int width, uint64_t ms, uint64_t *first)
{
    uint64_t half = BELT_MS / 2, in = ms % SCENE_LOOP_MS;

    *first = in / half;
    return (int)(in % half * (uint64_t)pitch_of(width) / half);
}

/* i from -1: the one that is coming in. Panes further right came earlier. */
static struct pane pane_at(int width, uint64_t ms, int i)
{
    uint64_t first;
    int shift = shift_at(width, ms, &first);

    return (struct pane){i * pitch_of(width) + shift,
                         (int)((first + PANES - (uint64_t)(i + 1)) % PANES)};
}

static struct place place_of(int width, int height, int pane_x, const struct flaw *f)
{
    int w = width * 2 / 5, y = height / 5, h = height * 3 / 5;
    struct place p = {
        .x = pane_x + w * f->at_x / 100, .y = y + h * f->at_y / 100, .unit = width / 40 + 2};

    p.is_seen = p.x >= width / 4 && p.x <= width * 3 / 4;
    return p;
}

static int least(int a, int b)
{
    return a < b ? a : b;
}

/* The box around a flaw, within the picture. */
static struct sighting sight(int width, int height, const struct flaw *f, struct place p)
{
    struct sighting s = {.type = f->type,
                         .confidence = f->confidence,
                         .x = p.x - p.unit * 3,
                         .y = p.y - p.unit * 3};
    int right = least(p.x + p.unit * 3, width), bottom = least(p.y + p.unit * 3, height);

    if (s.x < 0) s.x = 0;
    if (s.y < 0) s.y = 0;
    s.w = right - s.x;
    s.h = bottom - s.y;
    return s;
}

int scene_look(int width, int height, uint64_t ms, struct sighting seen[SIGHTINGS_MAX])
{
    int n = 0;

    for (int i = -1; i < 2; i++) {
        struct pane pane = pane_at(width, ms, i);

        for (size_t k = 0; k < FLAWS; k++) {
            struct place p = place_of(width, height, pane.x, &flaws[k]);

            if (flaws[k].pane != pane.number || !p.is_seen || n == SIGHTINGS_MAX) continue;
            seen[n++] = sight(width, height, &flaws[k], p);
        }
    }
    return n;
}

/* ---- the picture ---- */

static void draw_pane(struct scene *s, struct pane pane)
{
    int y = s->height / 5, w = s->width * 2 / 5, h = s->height * 3 / 5;

    fill(s, pane.x, y, w, h, glass, 150);
    for (int i = 0; i < w / 5; i++)
        fill(s, pane.x + w / 6 + i, y, 1, h, edge, 40); /* a reflection */
    frame(s, pane.x, y, w, h, 2, edge);
    for (size_t k = 0; k < FLAWS; k++) {
        struct place p = place_of(s->width, s->height, pane.x, &flaws[k]);

        if (flaws[k].pane == pane.number) draw_flaw(s, &flaws[k], p.x, p.y, p.unit);
    }
}

void scene_draw(struct scene *s, uint64_t ms)
{
    struct sighting seen[SIGHTINGS_MAX];
    uint64_t first;
    int n = scene_look(s->width, s->height, ms, seen);

    draw_belt(s, pitch_of(s->width), shift_at(s->width, ms, &first));
    for (int i = -1; i < 2; i++)
        draw_pane(s, pane_at(s->width, ms, i));
    for (int i = 0; i < n; i++)
        frame(s, seen[i].x, seen[i].y, seen[i].w, seen[i].h, 3, mark);
    fill(s, 0, s->height - 6, (int)(ms % 1000 * (uint64_t)s->width / 1000), 6, mark, 256);
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
