/* SPDX-License-Identifier: MIT */
#include "store/place.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>

#define MAGIC_FUSE 0x65735546

/* The kernel's include/uapi/linux/magic.h, and the file systems that keep theirs to themselves.
 */
static const struct {
    uint32_t magic;
    const char *name;
} networks[] = {
    {0x00006969, "NFS"   },
    {0x0000517b, "SMB"   },
    {0xff534d42, "SMB"   }, /* CIFS */
    {0xfe534d42, "SMB"   }, /* SMB2 */
    {0x01021997, "9P"    },
    {0x00c36400, "Ceph"  },
    {0x5346414f, "AFS"   },
    {0x6b414653, "AFS"   },
    {0x73757245, "Coda"  },
    {0x0bd00bd0, "Lustre"},
    {0x01161970, "GFS2"  },
    {0x7461636f, "OCFS2" },
};

static const char *const fuse_types[] = {
    "fuse.sshfs",     "fuse.glusterfs", "fuse.rclone", "fuse.s3fs",    "fuse.davfs",
    "fuse.curlftpfs", "fuse.smbnetfs",  "fuse.ceph",   "fuse.gcsfuse",
};

const char *place_network_name(int64_t f_type)
{
    for (size_t i = 0; i < sizeof networks / sizeof networks[0]; i++) {
        if (networks[i].magic == (uint32_t)f_type) return networks[i].name; /* sign-extended */
    }
    return NULL;
}

const char *place_network_fuse(const char *type)
{
    for (size_t i = 0; i < sizeof fuse_types / sizeof fuse_types[0]; i++) {
        if (strcmp(type, fuse_types[i]) == 0) return fuse_types[i] + strlen("fuse.");
    }
    return NULL;
}

/* proc(5): "36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue" */
static bool read_type(const char *line, dev_t dev, char type[64])
{
    const char *tail = strstr(line, " - ");
    unsigned major_no, minor_no;

    return tail != NULL && sscanf(line, "%*d %*d %u:%u", &major_no, &minor_no) == 2
           && makedev(major_no, minor_no) == dev && sscanf(tail, " - %63s", type) == 1;
}

static const char *find_fuse_name(const char *dir)
{
    char line[1024], type[64];
    const char *name = NULL;
    struct stat st;
    FILE *f;

    if (stat(dir, &st) < 0) return NULL;
    f = fopen("/proc/self/mountinfo", "re");
    if (f == NULL) return NULL;
    while (name == NULL && fgets(line, sizeof line, f) != NULL) {
        if (read_type(line, st.st_dev, type)) name = place_network_fuse(type);
    }
    fclose(f);
    return name;
}

int place_check(const char *dir, sl_error *err)
{
    const char *name;
    struct statfs fs;

    if (statfs(dir, &fs) < 0) return 0; /* whoever opens a file there will say why */
    name = place_network_name((int64_t)fs.f_type);
    if (name == NULL && (uint32_t)fs.f_type == MAGIC_FUSE) name = find_fuse_name(dir);
    if (name == NULL) return 0;
    return sl_fail(err, SL_E_INVAL, dir,
                   "the data folder is on a network file system (%s), where a record cannot be "
                   "kept safe: choose a --data folder on a disk of this machine",
                   name);
}
