/* SPDX-License-Identifier: MIT */
/* What glass answers over HTTP, in the shapes its clients know: contract 1.4 and §3. */
#ifndef SYSTEMS_GLASS_PAGES_H
#define SYSTEMS_GLASS_PAGES_H

#include "hub/system.h"

/* answer_x of intakes */
void glass_answer_register(const struct arrival *a, const struct done *d, sl_json_out *out);
void glass_answer_frame(const struct arrival *a, const struct done *d, sl_json_out *out);
void glass_answer_detections(const struct arrival *a, const struct done *d, sl_json_out *out);
void glass_answer_defect(const struct arrival *a, const struct done *d, sl_json_out *out);
void glass_answer_edit(const struct arrival *a, const struct done *d, sl_json_out *out);
void glass_answer_removal(const struct arrival *a, const struct done *d, sl_json_out *out);

/* Routes; `user` is the struct glass. */
void glass_on_devices_status(sl_request *r, void *user);
void glass_on_ws_status(sl_request *r, void *user);
void glass_on_health(sl_request *r, void *user);

#endif
