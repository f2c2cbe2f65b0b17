#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Write the pages that a table of the program holds already: settings, events and metrics.

  tools/reference.py BUILD            writes docs/configuration.md, docs/events.md, docs/metrics.md, man/sluice.yaml.5
  tools/reference.py BUILD --check    says which of them are stale; exit code 1 if any is

BUILD holds the program: it is asked by `config explain`, by `events --json`, and by /metrics of a hub of its own.
"""
import json, pathlib, re, subprocess, sys, tempfile, time, urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent
CONFIGURATION = '''<!-- written by tools/reference.py from src/cli/setting.c: change it there -->
# Configuration

Every setting is a key of the file, a variable of the environment and a flag of `sluice serve`.
Order and reload: [operations.md](operations.md#settings). `sluice config explain KEY` says the same.
'''
METRICS = '''<!-- written by tools/reference.py from src/hub/metrics.c: change it there -->
# Metrics

`GET /metrics`, in the text format of Prometheus. Times are seconds; counters begin with the
process. Which of them are worth an alarm: [operations.md](operations.md#what-to-watch).

| metric | kind | labels | what it is |
| --- | --- | --- | --- |
'''
EVENTS = '''<!-- written by tools/reference.py from the tables in src/systems: change it there -->
# What the hub takes

`sluice events` says the same. A *record* is answered once it is durable; of *frames* and *state*
the newest counts; a *reply* goes to its sender alone. Members that are not named here are kept and
passed on; null counts as absent. What comes by Socket.IO is the event's first argument, what comes by raw
WebSocket has its name in `type`.
'''
HEAD, FOOT = (ROOT / 'man/sluice.yaml.5.in').read_text().split('@SETTINGS@\n')


def ask(program, *args):
    return subprocess.run([program, *args], check=True, capture_output=True, text=True).stdout


def settings(program):
    """Of each: its name, its sentence, and what `explain` says line by line."""
    for name in re.findall(r'^(\S+) ', ask(program, 'config', 'explain'), re.M):
        head, _, body = ask(program, 'config', 'explain', name).partition('\n\n')
        rows = {k.strip(): v.replace('\n' + 17 * ' ', '\n') for k, v in
                re.findall(r'^    (\S.{12})(.*(?:\n {17}.*)*)', body, re.M)}
        assert list(rows) == ['takes', 'default', 'in the file', 'environment', 'flag', 'a change'], name
        yield name, head.partition('\n')[2].strip(), rows


def configuration(rows):
    out = [CONFIGURATION]
    for name, sentence, r in rows:
        names = ', '.join(f'`{v}`' for v in [r['flag'], *r['environment'].split(', ')])
        out.append(f'## {name}\n\n{sentence}\n\n- takes: {r["takes"]}\n- default: {r["default"]}\n- also: {names}\n- a change {r["a change"]}\n')
        if r['in the file'] != '-':
            out.append(f'```yaml\n{r["in the file"]}\n```\n')
    return '\n'.join(out)


def manual(rows):
    def text(s):  # a dot in front of a line is mdoc's own
        return re.sub(r'^([.\'])', r'\\&\1', s, flags=re.M)

    out = []
    for name, sentence, r in rows:
        out.append(f'.It Cm {name}\n{text(sentence)}\nTakes {r["takes"]}.\nDefault: {r["default"]}.\n'
                   f'Flag: {r["flag"]}.\nEnvironment: {r["environment"]}.\nA change {r["a change"]}.\n')
        if r['in the file'] != '-':
            out.append(f'.Bd -literal -compact\n{text(r["in the file"])}\n.Ed\n')
    return HEAD + ''.join(out) + FOOT


def scrape(program):
    with tempfile.TemporaryDirectory() as folder:
        ready = pathlib.Path(folder) / 'ready'
        hub = subprocess.Popen([program, 'serve', '--listen', '127.0.0.1:0', '--data', f'{folder}/data',
                                '--ready-file', ready, '--log-level', 'error'])
        try:
            while not ready.exists() and hub.poll() is None:
                time.sleep(0.01)
            return urllib.request.urlopen(f'http://{ready.read_text().split()[0]}/metrics', timeout=20).read().decode()
        finally:
            hub.terminate()
            hub.wait(20)


def metrics(text):
    out = METRICS
    for name, sentence, kind, samples in re.findall(r'^# HELP (\S+) (.*)\n# TYPE \S+ (\S+)\n((?:[^#].*\n)*)', text, re.M):
        labels = {}
        for key, value in re.findall(r'(\w+)="([^"]*)"', samples):
            if key not in ('le', 'version') and value not in labels.setdefault(key, []):
                labels[key].append(value)
        out += f'| `{name}` | {kind} | {"; ".join(f"{k}: " + ", ".join(v) for k, v in labels.items())} | {sentence} |\n'
    return out


def size(n):
    return f'{n >> 20} MiB' if n % (1 << 20) == 0 else f'{n >> 10} KiB'


def bounds(f):
    unit = {'list': ' items', 'number': '', 'whole': ''}.get(f['type'], ' bytes')
    if 'max' not in f:
        return ''
    return f', at most {f["max"]:g}{unit}' if unit and not f['min'] else f', {f["min"]:g} to {f["max"]:.15g}{unit}'


def fields(rows, lead=''):
    for f in rows:
        yield (f'| {lead}`{f["name"]}` | {f["type"]}{bounds(f)}{": " + ", ".join(f["one_of"]) if "one_of" in f else ""} | '
               f'{"yes" if f["required"] else ""} | {"also `%s`" % f["alias"] if "alias" in f else ""} |\n')
        yield from fields(f.get('each', []), f'{lead}{f["name"]} each: ')


def taken(t):
    names = [f'WebSocket `{t["ws_type"]}`'] if 'ws_type' in t else []
    names += [f'Socket.IO `{e}`' for e in t.get('events', [])]
    names += [f'`{t["method"]} {t["path"]}`'] if 'path' in t else []
    out = f'### {", ".join(names)}\n\n{t["class"]}: {t.get("help", "")}'
    out += f'; from: {", ".join(t["from"])}' if 'from' in t else ''
    out += f'; at most {size(t["bytes_max"])}' if 'bytes_max' in t else ''
    out += f'; one for each {", ".join(t["unique"])}' if 'unique' in t else ''
    for rows, head in ((t.get('fields'), ''), (t.get('list_fields'), f'Several at once, over HTTP, in `{t.get("list")}`:\n\n')):
        if rows:
            out += f'\n\n{head}| field | what | required | |\n| --- | --- | --- | --- |\n' + ''.join(fields(rows)).rstrip('\n')
    return out + '\n\n'


def events(program):
    out = EVENTS
    for s in json.loads(ask(program, 'events', '--json'))['systems']:
        out += f'\n## {s["name"]}\n\nRaw WebSocket at {", ".join(f"`{p}`" for p in s.get("ws_paths", [])) or "no path"}; Socket.IO at `/socket.io/`.\n\n'
        out += ''.join(map(taken, s['takes']))
        for q in s['queries']:
            params = [f'`{p["name"]}`' + (f' ({p["usual"]}{", at most %d" % p["max"] if "max" in p else ""})' if 'usual' in p else '') for p in q['params']]
            out += f'- `GET {q["path"]}`' + (f': {", ".join(params)}' if params else '') + '\n'
        out += ''.join(f'- `{p["method"]} {p["path"]}`\n' for p in s['pages'])
    return out


def main():
    if len(sys.argv) not in (2, 3) or sys.argv[2:] not in ([], ['--check']):
        sys.exit(__doc__)
    program, check = pathlib.Path(sys.argv[1]).resolve() / 'sluice', len(sys.argv) == 3
    rows = list(settings(program))
    pages = {'docs/configuration.md': configuration(rows), 'man/sluice.yaml.5': manual(rows), 'docs/metrics.md': metrics(scrape(program)),
             'docs/events.md': events(program)}
    stale = [ROOT / name for name, text in pages.items() if not (ROOT / name).is_file() or (ROOT / name).read_text() != text]
    for path in stale:
        if not check:
            path.write_text(pages[str(path.relative_to(ROOT))])
        print(f'{path.relative_to(ROOT)} {"is stale: run tools/reference.py BUILD" if check else "written"}')
    return 1 if stale and check else 0


if __name__ == '__main__':
    sys.exit(main())
