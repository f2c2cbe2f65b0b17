/* SPDX-License-Identifier: MIT */
#include "cli/commands.h"
#include "cli/options.h"
#include "version.h"

#include <stdio.h>
#include <string.h>
#include <sysexits.h>

static int cmd_help(int argc, char **argv);
static int cmd_version(int argc, char **argv);

static const struct command {
    const char *name, *help;
    int (*run)(int argc, char **argv);
} commands[] = {
    {"serve",   "run the hub: devices in, pages and history out",          cmd_serve  },
    {"config",  "check, print or explain the settings of the hub",         cmd_config },
    {"doctor",  "why is nothing to be seen? asks, and says the next step", cmd_doctor },
    {"sim",     "play devices: sluice sim glass is simulated cameras",     cmd_sim    },
    {"tail",    "what a Socket.IO server says, as it comes",               cmd_tail   },
    {"send",    "one event to a Socket.IO server, and its answer",         cmd_send   },
    {"top",     "who is connected, and what waits for them",               cmd_top    },
    {"events",  "what each system takes and tells, by every wire",         cmd_events },
    {"version", "which program this is",                                   cmd_version},
    {"help",    "this text",                                               cmd_help   },
};
#define COMMANDS (sizeof commands / sizeof commands[0])

static int cmd_version(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    printf("sluice %s (%s)\n", SLUICE_VERSION, SLUICE_COMMIT);
    return EX_OK;
}

static int cmd_help(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    printf(
        "sluice: between edge devices and the people who watch them\n\n"
        "examples:\n"
        "  sluice serve                                     the hub on http://127.0.0.1:5000/\n"
        "  sluice serve --listen 127.0.0.1:8080 --data /var/lib/sluice\n"
        "  sluice serve --listen 0.0.0.0:5000 --access open for everyone on the network\n"
        "  sluice sim glass --cameras 2                     cameras, so that there is something to see\n"
        "  sluice doctor                                    when nothing is to be seen\n"
        "  sluice top                                       who is connected, again and again\n"
        "  sluice config check --config sluice.yaml         before a restart\n"
        "  sluice serve --help                              every option of a command\n\n"
        "usage: sluice COMMAND [OPTION VALUE]...\n\n");
    for (size_t i = 0; i < COMMANDS; i++)
        printf("  %-10s %s\n", commands[i].name, commands[i].help);
    return EX_OK;
}

static const char *name_of_command(const void *rows, size_t i)
{
    return ((const struct command *)rows)[i].name;
}

int main(int argc, char **argv)
{
    const char *near;

    if (argc < 2) {
        cmd_help(0, NULL);
        return EX_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) return cmd_help(0, NULL);
    if (strcmp(argv[1], "--version") == 0) return cmd_version(0, NULL);
    for (size_t i = 0; i < COMMANDS; i++) {
        if (strcmp(argv[1], commands[i].name) == 0) return commands[i].run(argc - 2, argv + 2);
    }
    near = nearest(argv[1], name_of_command, commands, COMMANDS);
    fprintf(stderr, "sluice: there is no command '%s'", argv[1]);
    if (near != NULL) fprintf(stderr, "; did you mean %s?", near);
    fprintf(stderr, " See: sluice --help\n");
    return EX_USAGE;
}
