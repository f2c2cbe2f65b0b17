/* SPDX-License-Identifier: MIT */
/* The rows about who is told which address, and whether it leads here. */
#include "base/alloc.h"
#include "cli/doctor.h"
#include "cli/doctor_rules.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>

#define OWN_MAX 4

/* ---- our own addresses ---- */

struct own {
    char text[OWN_MAX][INET6_ADDRSTRLEN];
    int n;
};

/* Those that others could use: up, not loopback, not of the link alone. */
static bool write_address(const struct ifaddrs *i, char out[INET6_ADDRSTRLEN])
{
    const struct sockaddr *a = i->ifa_addr;

    if (a == NULL || !(i->ifa_flags & IFF_UP) || (i->ifa_flags & IFF_LOOPBACK)) return false;
    if (a->sa_family == AF_INET) {
        const struct sockaddr_in *v4 = (const struct sockaddr_in *)(const void *)a;

        if (ntohl(v4->sin_addr.s_addr) >> 16 == 0xa9fe) return false; /* RFC 3927 */
        return inet_ntop(AF_INET, &v4->sin_addr, out, INET6_ADDRSTRLEN) != NULL;
    }
    if (a->sa_family == AF_INET6) {
        const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)(const void *)a;

        if (IN6_IS_ADDR_LINKLOCAL(&v6->sin6_addr)) return false;
        return inet_ntop(AF_INET6, &v6->sin6_addr, out, INET6_ADDRSTRLEN) != NULL;
    }
    return false;
}

static void find_own(struct own *own)
{
    struct ifaddrs *all = NULL;

    *own = (struct own){0};
    if (getifaddrs(&all) < 0) return;
    for (const struct ifaddrs *i = all; i != NULL && own->n < OWN_MAX; i = i->ifa_next) {
        if (write_address(i, own->text[own->n])) own->n++;
    }
    freeifaddrs(all);
}

static const char *list_own(const struct own *own, char *buf, size_t size)
{
    size_t n = 0;

    snprintf(buf, size, "none but loopback");
    for (int i = 0; i < own->n && n < size; i++)
        n += (size_t)snprintf(buf + n, size - n, "%s%s", i > 0 ? ", " : "", own->text[i]);
    return buf;
}

/* "192.0.2.7:5000", "[2001:db8::7]:5000" of the first one, or the hub's if that is elsewhere.
 */
static void write_lan_url(const struct doctor *d, const struct own *own, char *buf, size_t size)
{
    if (!dial_url_is_loopback(&d->url))
        snprintf(buf, size, "http://%s%.200s", d->url.at, d->paths.prefix);
    else if (own->n == 0)
        snprintf(buf, size, "http://ADDRESS-OF-THE-HUB:%s%.200s", d->url.port, d->paths.prefix);
    else if (strchr(own->text[0], ':') != NULL)
        snprintf(buf, size, "http://[%s]:%s%.200s", own->text[0], d->url.port, d->paths.prefix);
    else
        snprintf(buf, size, "http://%s:%s%.200s", own->text[0], d->url.port, d->paths.prefix);
}

/* ---- settings ---- */

/* The port that the hub's own settings name; "" if none does. */
static void find_hub_port(const struct doctor *d, char port[8], const char **by)
{
    const char *listen = doctor_setting(d, "SLUICE_LISTEN"), *colon;

    *by = listen != NULL ? "SLUICE_LISTEN" : "PORT";
    if (listen == NULL) listen = doctor_setting(d, "PORT");
    port[0] = '\0';
    if (listen == NULL) return;
    colon = strrchr(listen, ':');
    snprintf(port, 8, "%.7s", colon != NULL ? colon + 1 : listen);
}

static void check_website(const struct doctor *d, const char *name, const char *value,
                          struct finding *f)
{
    char dialled[RULE_URL_SIZE];
    struct dial_url u;
    const char *why;

    rule_website_url(value, dialled);
    why = dial_url_parse(dialled, &u);
    if (why != NULL) {
        found(f, FOUND_FAIL, "%s is no address: %s", name, why);
        next_is(f, "build the website with %s=http://HOST:%s", name, d->url.port);
    } else if (rule_is_same_host(&u, &d->url) && strcmp(u.port, d->url.port) != 0) {
        found(f, FOUND_FAIL, "%s makes the website dial %s, but this hub has port %s", name,
              dialled, d->url.port);
        next_is(f, "build the website anew with %s=http://%s", name, d->url.at);
    } else if (!rule_is_same_host(&u, &d->url)) {
        found(f, FOUND_WARN, "%s makes the website dial %s: another name than %s", name,
              dialled, d->url.at);
        next_is(f, "if that name is not the hub's, build the website with %s=http://%s", name,
                d->url.at);
    } else if (u.is_tls) {
        found(f, FOUND_WARN,
              "%s makes the website dial %s: TLS, for its address does not contain localhost",
              name, dialled);
        next_is(f,
                "put a TLS proxy in front of the hub, or use the hub's own page: "
                "http://%s/",
                d->url.at);
    } else {
        found(f, FOUND_PASS, "the website dials %s (%s)", dialled, name);
    }
}

void step_settings(struct doctor *d, struct finding *f)
{
    const char *names[] = {"REACT_APP_WS_URL", "REACT_APP_BACKEND_URL"}, *by;
    char port[8];

    find_hub_port(d, port, &by);
    if (port[0] != '\0' && strcmp(port, d->url.port) != 0 && dial_url_is_loopback(&d->url)) {
        found(f, FOUND_WARN, "%s says port %s, yet the hub that was asked for has %s", by, port,
              d->url.port);
        next_is(f, "ask for the other one: sluice doctor --url http://127.0.0.1:%s", port);
        return;
    }
    for (size_t i = 0; i < 2; i++) {
        const char *value = doctor_setting(d, names[i]);

        if (value == NULL) continue;
        check_website(d, names[i], value, f);
        return;
    }
    found(f, FOUND_WARN,
          "REACT_APP_BACKEND_URL is not set here: a website built so dials its built-in host");
    next_is(f, "look at the website's .env: sluice doctor --env-file FILE; the hub's own page "
               "needs none of it");
}

/* ---- the device's address ---- */

/* config.py's, else the environment's; NULL: nobody says. */
static const char *find_backend(const struct doctor *d, const char **by)
{
    const struct py_value *v = &d->config.value[PY_BACKEND_URL];

    *by = "BACKEND_URL of config.py";
    if (v->kind == PY_TEXT && v->text[0] != '\0') return v->text;
    *by = "BACKEND_URL";
    return doctor_setting(d, "BACKEND_URL");
}

void step_device_address(struct doctor *d, struct finding *f)
{
    const char *by, *backend = find_backend(d, &by), *why;
    char url[RULE_URL_SIZE], list[240];
    struct dial_url u;
    struct own own;

    find_own(&own);
    list_own(&own, list, sizeof list);
    write_lan_url(d, &own, url, sizeof url);
    next_is(f, "on the device: export BACKEND_URL=%s", url);
    if (backend == NULL) {
        found(f, FOUND_WARN,
              "BACKEND_URL is not set here: an older device without it streams nothing; "
              "addresses of this machine: %s",
              list);
        return;
    }
    why = dial_url_parse(backend, &u);
    if (why != NULL) {
        found(f, FOUND_FAIL, "%s is no address: %s", by, why);
    } else if (dial_url_is_loopback(&u) && !dial_url_is_loopback(&d->url)) {
        found(f, FOUND_FAIL,
              "%s is %s, which on a device is the device itself; the hub is at %s", by, backend,
              d->url.at);
    } else if (dial_url_is_loopback(&u)) {
        found(f, FOUND_PASS,
              "%s is %s: right for a device on this machine alone; addresses of this machine: "
              "%s",
              by, backend, list);
        f->next[0] = '\0';
    } else {
        found(f, FOUND_PASS, "%s is %s", by, backend);
        f->next[0] = '\0';
    }
}

/* ---- from the device's side ---- */

/* Where a device would come in: BACKEND_URL; else the hub, by its LAN address if it is here. */
static bool find_target(const struct doctor *d, struct dial_url *out, bool *is_asked)
{
    const char *by, *backend = find_backend(d, &by);
    char url[RULE_URL_SIZE];
    struct own own;

    *is_asked = backend != NULL || !dial_url_is_loopback(&d->url);
    if (backend != NULL) return dial_url_parse(backend, out) == NULL;
    find_own(&own);
    if (dial_url_is_loopback(&d->url) && own.n == 0) {
        *out = d->url;
        return true;
    }
    write_lan_url(d, &own, url, sizeof url);
    return dial_url_parse(url, out) == NULL;
}

/* Whether a hub answers there. returns 0, SL_E_INVAL: an answer, but not a hub's; or why not */
static int ask_health(struct doctor *d, const struct dial_url *to)
{
    struct reply *r = sl__zalloc(sizeof *r);
    sl_json doc = {0};
    bool ok = false;
    int rc;

    if (r == NULL) return SL_E_NOMEM;
    rc = doctor_get(d, to, "/health", r, &doc);
    if (rc == 0 && !sl_value_bool(sl_value_get(sl_json_root(&doc), SL_STR("ok")), &ok))
        rc = SL_E_INVAL;
    sl_json_deinit(&doc);
    reply_deinit(r);
    sl__free(r);
    return rc;
}

void step_reach(struct doctor *d, struct finding *f)
{
    struct dial_url to;
    bool is_asked;
    char text[96];
    int rc;

    if (!find_target(d, &to, &is_asked)) {
        found(f, FOUND_SKIP, "BACKEND_URL is no address");
        return;
    }
    if (to.is_tls) {
        found(f, FOUND_SKIP, "%s is reached by TLS, which is not spoken here", to.at);
        return;
    }
    if (!is_asked && !(d->known & KNOWN_PORT)) {
        found(f, FOUND_SKIP, "nothing to be reached");
        return;
    }
    rc = ask_health(d, &to);
    if (rc == 0) {
        found(f, FOUND_PASS, "the hub answers at %s", to.at);
        return;
    }
    if (rc == SL_E_INVAL || rc == SL_E_JSON || rc == SL_E_HTTP) {
        found(f, is_asked ? FOUND_FAIL : FOUND_WARN, "something answers at %s, but no hub",
              to.at);
        next_is(f, "give devices the hub's own address");
        return;
    }
    found(f, is_asked ? FOUND_FAIL : FOUND_WARN, "nobody answers at %s: %s", to.at,
          sl_strerror(rc, text, sizeof text));
    if (!is_asked)
        next_is(f,
                "only this machine reaches the hub; to let devices in: sluice serve --listen "
                "0.0.0.0:%s --access open",
                d->url.port);
}

/* Newer devices cut the port off, contract §1.1: what then? */
void step_device_port(struct doctor *d, struct finding *f)
{
    const char *by, *backend = find_backend(d, &by), *why;
    char setting[RULE_URL_SIZE], dialled[RULE_URL_SIZE];
    struct dial_url to;
    struct own own;

    find_own(&own);
    if (backend != NULL)
        snprintf(setting, sizeof setting, "%s", backend);
    else if (own.n == 0)
        snprintf(setting, sizeof setting, "http://%s", d->url.at);
    else
        write_lan_url(d, &own, setting, sizeof setting);
    rule_device_url(setting, dialled);
    why = dial_url_parse(dialled, &to);
    if (why != NULL) {
        found(f, FOUND_WARN, "a newer device makes %s of %s, and cannot dial that: %s", dialled,
              setting, why);
        next_is(f, "give it a name or an IPv4 address in BACKEND_URL");
        return;
    }
    if (!to.is_tls && ask_health(d, &to) == 0) {
        found(f, FOUND_PASS, "newer devices dial %s, and the hub is there", dialled);
        return;
    }
    found(f, FOUND_WARN, "newer devices drop the port and dial %s, port %s: %s", dialled,
          to.port, to.is_tls ? "TLS, which is not tried here" : "no hub answers there");
    if (to.is_tls)
        next_is(f, "let a TLS proxy on port 443 pass /ws on to port %s", d->url.port);
    else
        next_is(f,
                "let the hub listen there as well: --listen 0.0.0.0:80, or redirect port 80 to "
                "%s",
                d->url.port);
}
