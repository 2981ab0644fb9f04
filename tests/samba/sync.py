#!/usr/bin/python3
"""A small incremental sync of OU=Lab, standing for a product that Highwater rescues: it polls one DC by uSNChanged
and keeps its position in a cursor file that somebody else may rewrite.  Run it inside `cl` of the lab.

  sync.py init    --cursor FILE --host dc1.lab.test [--gc HOST] [--record-id] [--resource NAME]  start at USN 0
  sync.py poll    --cursor FILE --state FILE            one poll; exit 0, or 1 when a search failed
  sync.py run     --cursor FILE --state FILE [--interval S] [--stop-file FILE]   poll until SIGTERM or the stop file
  (both: --patience S, the seconds one search may take, default 20)
  sync.py compare --state FILE --host dc1.lab.test      is the state what the DC holds?  exit 0 equal, 1 not, 2 unread
  sync.py settled HOST..                                do these DCs hold the same?  exit 0 yes, 1 not yet, 2 unread
  sync.py identity HOST                                 {"invocationId", "highestCommittedUSN"} of a DC

Cursor file, version 1, replaced by rename while `flock` is held on FILE.lock:
  {"version": 1, "resource": "hr", "ldapHost": "dc1.lab.test", "globalCatalog": null | "host",
   "invocationId": null | "guid text", "lastUpdated": 123, "lastDeleted": 123}
Everything up to both USNs has been read from `ldapHost` (port 636), or from `globalCatalog` (port 3269) when it is set.
An invocationId of null stays null; otherwise it names the incarnation the USNs count on, and another one is an error.

State file: {objectGUID: {"dn", "description", "telephoneNumber"}}, replaced by rename before the cursor is, so that a
kill between the two repeats changes and loses none.

A poll reads highestCommittedUSN first, then searches without an upper bound, and moves both USNs to that number only
when both searches ended well, and only when nobody has rewritten the cursor file meanwhile.  stdout: one JSON object a
poll; its `at` is when the poll began, so that a completed one has read every change the DC had by then.  stderr: the errors, as ldapsearch worded them.
"""
import argparse
import base64
import datetime
import fcntl
import json
import os
import signal
import subprocess
import sys
import time
import uuid

BIND = ["-x", "-D", "administrator@LAB.TEST", "-w", "Passw0rd.Lab1"]
HEAD = "DC=lab,DC=test"
BASE = "OU=Lab," + HEAD
VALUES = ["description", "telephoneNumber"]
SHOW_DELETED = "!1.2.840.113556.1.4.417"
PATIENCE = 20.0  # seconds for one search, unless --patience says so: a stopped DC accepts and never answers


class Failed(Exception):
    """A search that did not end well; the entries that came before are in `entries`."""

    def __init__(self, text, entries):
        super().__init__(text)
        self.entries = entries


def parse(ldif):
    """The entries of unwrapped LDIF: {attribute: first value as bytes}; references and comments are skipped."""
    entries, entry = [], {}
    for line in ldif.split(b"\n") + [b""]:
        if not line:
            if b"dn" in entry:
                entries.append({k.decode(): v for k, v in entry.items()})
            entry = {}
        elif not line.startswith(b"#"):
            name, _, value = line.partition(b":")
            value = base64.b64decode(value[1:]) if value.startswith(b":") else value.strip()
            entry.setdefault(name, value)
    return entries


def search(url, base, scope, query, attributes, *extra):
    command = ["ldapsearch", "-LLL", "-o", "ldif-wrap=no", "-o", "nettimeout=5", "-H", url, *BIND]
    command += ["-b", base, "-s", scope, *extra, query, *attributes]
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        out, err = child.communicate(timeout=PATIENCE)
        text = err.decode(errors="replace").strip()
    except subprocess.TimeoutExpired:
        child.kill()
        out, _ = child.communicate()
        text = f"ldapsearch: no answer from {url} within {PATIENCE:g} s: Timed out (-5)"
    # what a killed ldapsearch left may end in the middle of an entry
    whole = out if child.returncode == 0 else out[: out.rfind(b"\n\n") + 1]
    if child.returncode != 0:
        raise Failed(text or f"ldapsearch ended with {child.returncode}", parse(whole))
    return parse(whole)


def guid(raw):
    return str(uuid.UUID(bytes_le=raw))


def value(entry):
    kept = {"dn": entry["dn"].decode()}
    kept.update({name: entry[name].decode() for name in VALUES if name in entry})
    return kept


def held_by(host):
    """Everything under the base on a DC, by objectGUID."""
    found = search(f"ldaps://{host}", BASE, "sub", "(objectClass=*)", ["objectGUID", *VALUES], "-E", "pr=500/noprompt")
    return {guid(e["objectGUID"]): value(e) for e in found}


def load(path, absent=None):
    try:
        with open(path, encoding="utf-8") as file:
            return json.load(file)
    except FileNotFoundError:
        if absent is None:
            raise
        return absent


def replace(path, content):
    temporary = f"{path}.{os.getpid()}.tmp"
    with open(temporary, "w", encoding="utf-8") as file:
        json.dump(content, file, indent=1, sort_keys=True)
        file.flush()
        os.fsync(file.fileno())
    os.rename(temporary, path)


class Locked:
    """The lock that everybody takes who reads or writes the cursor file."""

    def __init__(self, path):
        self.path = path + ".lock"

    def __enter__(self):
        self.file = open(self.path, "a", encoding="utf-8")
        fcntl.flock(self.file, fcntl.LOCK_EX)

    def __exit__(self, *_):
        self.file.close()


def identity(url):
    """invocationId, then highestCommittedUSN, of the DC that answers."""
    service = search(url, "", "base", "(objectClass=*)", ["dsServiceName"])[0]["dsServiceName"].decode()
    settings = search(url, service, "base", "(objectClass=*)", ["invocationId"])[0]
    root = search(url, "", "base", "(objectClass=*)", ["highestCommittedUSN"])[0]
    return guid(settings["invocationId"]), int(root["highestCommittedUSN"])


def url_of(cursor):
    catalog = cursor.get("globalCatalog")
    return f"ldaps://{catalog}:3269" if catalog else f"ldaps://{cursor['ldapHost']}"


def poll(cursor_path, state_path):
    """One poll; True when it was completed.  What arrives before a failure is applied all the same."""
    with Locked(cursor_path):
        cursor = load(cursor_path)
    url, state = url_of(cursor), load(state_path, {})
    at = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="milliseconds")
    report = {"at": at, "url": url, "from": cursor["lastUpdated"], "changed": 0, "repeated": 0, "deleted": 0, "moved": False}
    error = None
    try:
        incarnation, highest = identity(url)
        if cursor["invocationId"] not in (None, incarnation):
            raise Failed(f"{url}: invocationId is {incarnation}, the cursor counts on {cursor['invocationId']}", [])
        try:
            query = f"(uSNChanged>={cursor['lastUpdated'] + 1})"
            changed = search(url, BASE, "sub", query, ["objectGUID", *VALUES], "-E", "pr=500/noprompt")
        except Failed as failed:
            changed, error = failed.entries, str(failed)
        for entry in changed:
            key = guid(entry["objectGUID"])
            report["repeated" if state.get(key) == value(entry) else "changed"] += 1
            state[key] = value(entry)
        if error is None:
            query = f"(&(isDeleted=TRUE)(uSNChanged>={cursor['lastDeleted'] + 1}))"
            gone = search(url, HEAD, "sub", query, ["objectGUID"], "-E", "pr=500/noprompt", "-E", SHOW_DELETED)
            report["deleted"] = sum(state.pop(guid(entry["objectGUID"]), None) is not None for entry in gone)
    except Failed as failed:
        error = error or str(failed)
    if report["changed"] or report["deleted"]:
        replace(state_path, state)
    if error is None:
        moved = dict(cursor, lastUpdated=highest, lastDeleted=highest)
        with Locked(cursor_path):
            if load(cursor_path) == cursor:
                replace(cursor_path, moved)
                report.update(moved=True, to=highest)
    else:
        report["error"] = error
        print(error, file=sys.stderr, flush=True)
    print(json.dumps(report), flush=True)
    return error is None


def run(arguments):
    stop = []
    signal.signal(signal.SIGTERM, lambda *_: stop.append(True))
    while not stop and not (arguments.stop_file and os.path.exists(arguments.stop_file)):
        poll(arguments.cursor, arguments.state)
        time.sleep(arguments.interval)
    return 0


def init(arguments):
    host = arguments.gc or arguments.host
    incarnation = identity(f"ldaps://{host}")[0] if arguments.record_id else None
    with Locked(arguments.cursor):
        replace(arguments.cursor, {
            "version": 1, "resource": arguments.resource, "ldapHost": arguments.host, "globalCatalog": arguments.gc,
            "invocationId": incarnation, "lastUpdated": 0, "lastDeleted": 0})
    return 0


def differences(mine, theirs):
    """By objectGUID, what two sides do not agree on; empty lists when they are equal."""
    both = mine.keys() & theirs.keys()
    return {
        "missing": [theirs[g] for g in sorted(theirs.keys() - mine.keys())],
        "surplus": [mine[g] for g in sorted(mine.keys() - theirs.keys())],
        "different": [{"mine": mine[g], "theirs": theirs[g]} for g in sorted(both) if mine[g] != theirs[g]]}


def compare(arguments):
    theirs = held_by(arguments.host)
    found = differences(load(arguments.state), theirs)
    print(json.dumps(dict(found, objects=len(theirs))))
    return 1 if any(found.values()) else 0


def settled(arguments):
    first, *others = [held_by(host) for host in arguments.hosts]
    return 0 if all(other == first for other in others) else 1


def show_identity(arguments):
    incarnation, highest = identity(f"ldaps://{arguments.hosts[0]}")
    print(json.dumps({"invocationId": incarnation, "highestCommittedUSN": highest}))
    return 0


def main():
    global PATIENCE
    parser = argparse.ArgumentParser(description="an incremental sync of OU=Lab, for tests")
    commands = parser.add_subparsers(dest="command", required=True)
    for name in ("init", "poll", "run", "compare", "settled", "identity"):
        command = commands.add_parser(name)
        if name in ("init", "poll", "run"):
            command.add_argument("--cursor", required=True)
        if name in ("poll", "run", "compare"):
            command.add_argument("--state", required=True)
        if name in ("init", "compare"):
            command.add_argument("--host", required=True)
        if name in ("poll", "run"):
            command.add_argument("--patience", type=float, default=PATIENCE)
        if name == "init":
            command.add_argument("--gc")
            command.add_argument("--resource", default="hr")
            command.add_argument("--record-id", action="store_true")
        if name == "run":
            command.add_argument("--interval", type=float, default=0.5)
            command.add_argument("--stop-file")
        if name in ("settled", "identity"):
            command.add_argument("hosts", nargs="+")
    arguments = parser.parse_args()
    PATIENCE = getattr(arguments, "patience", PATIENCE)
    if arguments.command == "poll":
        return 0 if poll(arguments.cursor, arguments.state) else 1
    action = {"init": init, "run": run, "compare": compare, "settled": settled, "identity": show_identity}
    try:
        return action[arguments.command](arguments)
    except Failed as failed:
        print(failed, file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
