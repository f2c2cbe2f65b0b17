/* SPDX-License-Identifier: MIT */
/* The table of causes, and where clients of the systems we know should have gone. */
#include "base/str.h"
#include "hub/knock.h"

#include <assert.h>

#define SCAN_MIN 8 /* silent connections of one address before it is called a scan */

const char *const knock_severities[] = {"note", "warn", "error"};

/* clang-format off */
const struct knock_kind knock_kinds[KNOCK_CAUSES] = {
    [KNOCK_TLS] = {"tls_on_plain_port", KNOCK_ERROR, 0,
        "It speaks TLS, and this port is plain.",
        "Write ws:// or http:// in its configuration, not wss:// or https://; or put a proxy that ends TLS in front of the hub."},
    [KNOCK_NOT_HTTP] = {"not_http", KNOCK_WARN, 0,
        "It speaks another protocol than HTTP.",
        "Point it to the port of the service that it is meant for; devices reach the hub by WebSocket or HTTP."},
    [KNOCK_HTTP_VERSION] = {"http_version", KNOCK_ERROR, 0,
        "It speaks a version of HTTP that is not spoken here.",
        "Let it use HTTP/1.1 (curl: --http1.1; a proxy: proxy_http_version 1.1)."},
    [KNOCK_BROKEN_REQUEST] = {"broken_request", KNOCK_ERROR, 0,
        "Its request breaks the rules of HTTP.",
        "Mend the program that sends it: the detail names the rule. Lines end in CR LF, and there is one Host header."},
    [KNOCK_LARGE_HEAD] = {"head_too_large", KNOCK_ERROR, 0,
        "The address or the headers of its request are too long.",
        "Send data in the body instead of the address or headers, and clear cookies that have piled up for this name."},
    [KNOCK_SLOW_HEAD] = {"slow_head", KNOCK_WARN, 0,
        "It began a request and did not finish its head in time.",
        "Check the network between it and the hub; a program that writes a request must end it with an empty line."},
    [KNOCK_LARGE_BODY] = {"body_too_large", KNOCK_ERROR, 0,
        "It sent more in one request than is taken here.",
        "Send less at once, or smaller pictures; the limit of all requests is `body` under `limits` (--body)."},
    [KNOCK_SLOW_BODY] = {"slow_body", KNOCK_WARN, 0,
        "It stopped in the middle of a request's body.",
        "Check its network, and that Content-Length is the number of bytes (not of characters) it really sends."},
    [KNOCK_BROKEN_BODY] = {"broken_body", KNOCK_ERROR, 0,
        "The chunks of its request's body are broken.",
        "Mend the program that sends them, or let it send Content-Length instead of Transfer-Encoding: chunked."},
    [KNOCK_CUT_SHORT] = {"cut_short", KNOCK_NOTE, 0,
        "It hung up in the middle of a request.",
        "Check its network and its own time-outs; once in a while this is a device that was switched off."},
    [KNOCK_SILENT] = {"silent", KNOCK_NOTE, SCAN_MIN,
        "It connects again and again and says nothing: somebody scans ports, or a probe looks whether one is open.",
        "Let a probe ask GET /livez; if it is none of yours, keep it out with a firewall."},
    [KNOCK_TOO_MANY] = {"too_many_connections", KNOCK_ERROR, 0,
        "The hub has as many connections as it may have.",
        "Raise `connections` under `limits` (--connections) and the limit of open files, or find out who opens so many."},
    [KNOCK_TOO_MANY_HERE] = {"too_many_from_address", KNOCK_ERROR, 0,
        "This address has as many connections as one may have.",
        "Let the client keep one connection instead of opening more; behind a proxy raise `per_address` under `limits` (--per-address)."},
    [KNOCK_PATH] = {"wrong_path", KNOCK_ERROR, 0,
        "Nothing is at the path that it asks for.",
        "Devices use /ws (WebSocket) or /api/device/... (HTTP), websites /ws or /defects, people the hub's address alone."},
    [KNOCK_METHOD] = {"wrong_method", KNOCK_ERROR, 0,
        "The path is right and the method is not.",
        "Use the method that the detail names."},
    [KNOCK_SIO_PATH] = {"socketio_wrong_path", KNOCK_ERROR, 0,
        "It looks for Socket.IO at a path where there is none.",
        "Let it use the path /socket.io/ at the hub's root: no `path` option in the client, and no path behind the address; a proxy must not put one in front."},
    [KNOCK_SIO_VERSION] = {"socketio_version", KNOCK_ERROR, 0,
        "It speaks a revision of Socket.IO that is not spoken here.",
        "Update its Socket.IO client: 2.x, 3.x and 4.x are taken (EIO=3 and EIO=4 in its requests), 1.x and older are not."},
    [KNOCK_SIO_TRANSPORT] = {"socketio_transport", KNOCK_ERROR, 0,
        "It wants a transport of Socket.IO that is not spoken here.",
        "Let it use polling or websocket (`transports` in its options); a request made by hand needs ?EIO=4&transport=polling."},
    [KNOCK_SIO_SESSION] = {"socketio_session", KNOCK_WARN, 0,
        "It goes on with a Socket.IO session that is over, or was never here.",
        "After a restart of the hub, or of its network, it comes back by itself; else let the proxy send each client to one hub always."},
    [KNOCK_SIO_METHOD] = {"socketio_method", KNOCK_ERROR, 0,
        "A Socket.IO session begins with GET, and it sends something else.",
        "Mend or update its Socket.IO client: GET without a sid begins a session, and a POST names the one that it is of."},
    [KNOCK_SIO_REQUEST] = {"socketio_request", KNOCK_WARN, 0,
        "Its Socket.IO request cannot be: an upgrade that was lost, two polls at a time, another transport than its session's, or a body that is none.",
        "Let the proxy pass upgrades on (nginx: proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection \"upgrade\";), or update its Socket.IO client."},
    [KNOCK_WS_PATH] = {"websocket_wrong_path", KNOCK_ERROR, 0,
        "It wants a WebSocket at a path where there is none; clients call this \"handshake status 200\" or \"404\".",
        "Let it connect to ws://HUB/ws (our own page's wire is at /api/live)."},
    [KNOCK_WS_PLAIN] = {"websocket_plain_request", KNOCK_NOTE, 0,
        "A plain request came where WebSocket is spoken.",
        "Use a WebSocket client there; to look at the hub with a browser or curl, open its address without a path."},
    [KNOCK_WS_LOST] = {"websocket_upgrade_lost", KNOCK_ERROR, 0,
        "A WebSocket handshake came without its Upgrade header: a proxy in between took it away.",
        "Let the proxy pass it on (nginx: proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection \"upgrade\";)."},
    [KNOCK_WS_METHOD] = {"websocket_wrong_method", KNOCK_ERROR, 0,
        "A WebSocket handshake came by another method than GET.",
        "Let the client, or the proxy in between, send it as GET with HTTP/1.1."},
    [KNOCK_WS_VERSION] = {"websocket_version", KNOCK_ERROR, 0,
        "It speaks a version of WebSocket that was a draft.",
        "Update its WebSocket library: version 13 (RFC 6455) is what everybody speaks since 2011."},
    [KNOCK_WS_KEY] = {"websocket_key", KNOCK_ERROR, 0,
        "Its WebSocket handshake lacks what RFC 6455 asks for.",
        "Use a WebSocket library instead of a handshake made by hand: Sec-WebSocket-Version: 13, and as Sec-WebSocket-Key 16 random bytes in base64."},
    [KNOCK_WS_PROTOCOL] = {"websocket_protocol", KNOCK_ERROR, 0,
        "It broke the rules of WebSocket in a session (closed with 1002).",
        "Update its WebSocket library, and check that nothing in between changes bytes; clients must mask their frames."},
    [KNOCK_WS_TEXT] = {"invalid_utf8", KNOCK_ERROR, 0,
        "It sent text that is no UTF-8 (closed with 1007).",
        "Encode text as UTF-8, and send bytes that are no text as base64 inside JSON."},
    [KNOCK_LARGE_MESSAGE] = {"message_too_large", KNOCK_ERROR, 0,
        "It sent a message that is larger than is taken here.",
        "Send smaller pictures (a lower JPEG quality or size), or fewer records at once."},
    [KNOCK_HOST] = {"foreign_host", KNOCK_ERROR, 0,
        "The hub was called by a name that is not its own.",
        "If it is to be called so, add the name to `hosts` (--hosts, SLUICE_HOSTS)."},
    [KNOCK_ORIGIN] = {"foreign_origin", KNOCK_ERROR, 0,
        "A page of another website wants to use the hub.",
        "If it may, add its origin to `origins` (--origins, SLUICE_ORIGINS)."},
    [KNOCK_FORBIDDEN] = {"forbidden", KNOCK_ERROR, 0,
        "It asks for what it has no right to.",
        "Give it a key or a login that has the right, or let it ask for something else."},
    [KNOCK_JSON] = {"bad_json", KNOCK_ERROR, 0,
        "What it sent is no JSON object.",
        "Send one whole JSON object per message (Python: json.dumps(message)); the detail says where reading stopped."},
    [KNOCK_BINARY] = {"binary_message", KNOCK_ERROR, 0,
        "It sent a binary WebSocket message where JSON text is spoken.",
        "Send text, and a picture inside it as base64: {\"type\":\"frame\",\"frame\":\"...\"}."},
    [KNOCK_TYPE] = {"unknown_type", KNOCK_WARN, 0,
        "It sent a message whose `type` nobody here knows.",
        "Correct the spelling: devices send device_register, frame, detection and ping; websites web_client."},
    [KNOCK_EVENT] = {"unknown_event", KNOCK_NOTE, 0,
        "It sent an event by Socket.IO that nobody here knows.",
        "Correct the spelling: older devices send client:hello, device:register, device:frame and device:status; websites client:hello."},
    [KNOCK_MISSING] = {"missing_field", KNOCK_ERROR, 0,
        "A message lacks a field that it must have.",
        "Add the field that the detail names."},
    [KNOCK_VALUE] = {"wrong_value", KNOCK_ERROR, 0,
        "A field of a message has a value that cannot be.",
        "Send what the detail asks for."},
    [KNOCK_UNREGISTERED] = {"not_registered", KNOCK_ERROR, 0,
        "A message came before its sender had said who it is.",
        "First send {\"type\":\"device_register\",\"device_id\":\"...\"}, and again after each reconnect."},
    [KNOCK_ROLE] = {"wrong_role", KNOCK_ERROR, 0,
        "A message came from a side that does not send it, such as pictures from a dashboard.",
        "Use one connection for one role: a device registers with device_register, a dashboard with web_client."},
};

#define WS_CURE     "Let it connect to ws://HUB/ws."
#define DEVICE_CURE "Devices without WebSocket use POST /api/device/register, /api/device/frames and /api/device/detections."
#define STORE_CURE  "Detections are read and written at /defects; what was Supabase's is not spoken here."

static const struct {
    sl_str prefix;
    const char *cure;
} places[] = {
    {{"/ws", 3},              WS_CURE},
    {{"/websocket", 10},      WS_CURE},
    {{"/socket", 7},          WS_CURE},
    {{"/device", 7},          DEVICE_CURE},
    {{"/api/device", 11},     DEVICE_CURE},
    {{"/api/frame", 10},      DEVICE_CURE},
    {{"/frame", 6},           DEVICE_CURE},
    {{"/stream", 7},          "Pictures are at /live/DEVICE.jpg and /live/DEVICE.mjpg, as events at /stream/frames."},
    {{"/video", 6},           "Pictures are at /live/DEVICE.jpg and /live/DEVICE.mjpg, as events at /stream/frames."},
    {{"/api/defects", 12},    "Detections are at /defects, without /api."},
    {{"/api/detections", 15}, "Devices post detections to /api/device/detections; they are read at /defects."},
    {{"/detections", 11},     "Devices post detections to /api/device/detections; they are read at /defects."},
    {{"/rest/v1", 8},         STORE_CURE},
    {{"/storage/v1", 11},     STORE_CURE},
    {{"/auth/v1", 8},         STORE_CURE},
    {{"/api/health", 11},     "The hub says how it is at /health, /livez and /readyz."},
    {{"/healthz", 8},         "The hub says how it is at /health, /livez and /readyz."},
    {{"/ping", 5},            "The hub says how it is at /health, /livez and /readyz."},
};
/* clang-format on */

static_assert(sizeof knock_kinds / sizeof *knock_kinds == KNOCK_CAUSES, "a row for each cause");

const char *knock_path_cure(sl_str path)
{
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        if (str_starts(path, places[i].prefix)) return places[i].cure;
    }
    return NULL;
}
