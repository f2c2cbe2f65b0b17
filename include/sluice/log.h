/* SPDX-License-Identifier: MIT */
/*
 * logfmt lines on stderr (or wherever `sl_log_to` says): one event, one line, topic first.
 *
 * A line that repeats (same place in the source) more than ten times within ten seconds is
 * held back and reported as a count. Never log a key, a token or a password.
 *
 * thread   any
 */
#ifndef SLUICE_LOG_H
#define SLUICE_LOG_H

#include "sluice/err.h"

#include <stdint.h>

typedef enum sl_log_level { SL_LOG_ERROR, SL_LOG_WARN, SL_LOG_INFO, SL_LOG_DEBUG } sl_log_level;

/* One per call site, static: how often it spoke lately. */
typedef struct sl_log_site {
    uint64_t window_ms;
    uint32_t count, held;
} sl_log_site;

SL_API void sl_log_set_level(sl_log_level level);
SL_API sl_log_level sl_log_get_level(void);
SL_API void sl_log_to(int fd); /* borrowed; -1 = stderr */
SL_API void sl_log(sl_log_site *site, sl_log_level level, const char *topic, const char *fmt,
                   ...) SL_PRINTF(4, 5);

#define SL_LOG(level, topic, ...)                                                         \
    do {                                                                                  \
        static sl_log_site site_;                                                         \
        if ((level) <= sl_log_get_level()) sl_log(&site_, (level), (topic), __VA_ARGS__); \
    } while (0)

/* error wants a human, warn is degraded service, info the life of things, debug is ours */
#define SL_ERROR(topic, ...) SL_LOG(SL_LOG_ERROR, topic, __VA_ARGS__)
#define SL_WARN(topic, ...)  SL_LOG(SL_LOG_WARN, topic, __VA_ARGS__)
#define SL_INFO(topic, ...)  SL_LOG(SL_LOG_INFO, topic, __VA_ARGS__)
#define SL_DEBUG(topic, ...) SL_LOG(SL_LOG_DEBUG, topic, __VA_ARGS__)

#endif
