/* SPDX-License-Identifier: MIT */
/* A device's config.py: texts that come out are terminated, and end in no NUL of the file's. */
#include "base/assert.h"
#include "cli/doctor_py.h"

#include <stdlib.h>

static char *environment(const char *name)
{
    static char set[] = "http://hub:5000";

    return name[0] == 'S' ? set : NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct py_config c;
    int rc = py_config_read((sl_str){(const char *)data, size}, environment, &c);

    SL_ASSERT(rc == 0 || rc == SL_E_INVAL);
    for (int i = 0; i < PY_NAMES; i++) {
        SL_ASSERT(c.value[i].kind <= PY_OTHER);
        SL_ASSERT(memchr(c.value[i].text, '\0', PY_TEXT_SIZE) != NULL);
    }
    return 0;
}
