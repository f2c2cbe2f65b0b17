/* SPDX-License-Identifier: MIT */
#include "serve/file_type.h"

#include "base/str.h"

/* suffix, type, whether it packs */
static const struct file_type types[] = {
    {"html",        "text/html; charset=utf-8",       true },
    {"htm",         "text/html; charset=utf-8",       true },
    {"css",         "text/css; charset=utf-8",        true },
    {"js",          "text/javascript; charset=utf-8", true },
    {"mjs",         "text/javascript; charset=utf-8", true },
    {"json",        "application/json",               true },
    {"map",         "application/json",               true },
    {"webmanifest", "application/manifest+json",      true },
    {"txt",         "text/plain; charset=utf-8",      true },
    {"log",         "text/plain; charset=utf-8",      true },
    {"md",          "text/markdown; charset=utf-8",   true },
    {"csv",         "text/csv; charset=utf-8",        true },
    {"xml",         "application/xml",                true },
    {"yaml",        "application/yaml",               true },
    {"yml",         "application/yaml",               true },
    {"svg",         "image/svg+xml",                  true },
    {"wasm",        "application/wasm",               true },
    {"ttf",         "font/ttf",                       true },
    {"ico",         "image/vnd.microsoft.icon",       true },
    {"png",         "image/png",                      false},
    {"jpg",         "image/jpeg",                     false},
    {"jpeg",        "image/jpeg",                     false},
    {"gif",         "image/gif",                      false},
    {"webp",        "image/webp",                     false},
    {"avif",        "image/avif",                     false},
    {"woff",        "font/woff",                      false},
    {"woff2",       "font/woff2",                     false},
    {"mp4",         "video/mp4",                      false},
    {"webm",        "video/webm",                     false},
    {"mp3",         "audio/mpeg",                     false},
    {"wav",         "audio/wav",                      false},
    {"pdf",         "application/pdf",                false},
    {"zip",         "application/zip",                false},
    {"gz",          "application/gzip",               false},
};

static const struct file_type unknown = {"", "application/octet-stream", false};

const struct file_type *file_type_of(sl_str path)
{
    size_t at = path.len;

    while (at > 0 && path.ptr[at - 1] != '.' && path.ptr[at - 1] != '/')
        at--;
    if (at == 0 || path.ptr[at - 1] == '/') return &unknown;
    sl_str suffix = str_part(path, at, path.len);
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        if (str_eq_nocase(suffix, sl_str_of(types[i].suffix))) return &types[i];
    return &unknown;
}
