#!/usr/bin/python3
"""An incremental sync of OU=Lab that nobody wrote for Highwater: it keeps its position in its own way, and holds no lock
for anybody.  It reads as `sync.py` does.  Run it inside `cl` of the lab.

  outside.py init|poll|run|start|stop FOLDER KEEP HOST     HOST counts with `init` alone
  outside.py host FOLDER                                   JSON on stdin and stdout: the spot program of its host

KEEP is `files`: FOLDER/state.json (one USN among other things) and FOLDER/sync.properties (the URL of its DC), or
`postgres`: the row `lab` of the table sync_state, by `psql` with the settings of its environment; its host is then in
FOLDER/host.  `host` kills the program that runs it, once, when FOLDER/deadly is there and it is told to write.
"""
import json
import os
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
import sync  # noqa: E402

STATE = '{"version": "2.1", "sync": {"lastUsn": "%d", "ratio": 1.50},\n "note": "written by hand"}\n'


def psql(statement):
    command = ["psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-c", statement]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=20).stdout.strip()


class Files:
    def __init__(self, folder):
        self.state, self.properties = os.path.join(folder, "state.json"), os.path.join(folder, "sync.properties")

    def init(self, host):
        with open(self.properties, "w", encoding="latin-1") as file:
            file.write(f"# the DC to read; \u00e4\nldap.url = ldaps://{host}:636\nldap.base=OU\\=Lab\n")
        self.write(0)

    def read(self):
        with open(self.state, encoding="utf-8") as file:
            usn = int(json.load(file)["sync"]["lastUsn"])
        with open(self.properties, encoding="latin-1") as file:
            url = next(line.split("=", 1)[1].strip() for line in file if line.startswith("ldap.url"))
        return url.split("//")[1].split(":")[0], usn

    def write(self, usn):
        with open(self.state, "w", encoding="utf-8") as file:
            file.write(STATE % usn)


class Postgres:
    def __init__(self, folder):
        self.host = os.path.join(folder, "host")

    def init(self, host):
        with open(self.host, "w", encoding="utf-8") as file:
            file.write(host)
        psql("CREATE TABLE sync_state (name text PRIMARY KEY, last_usn bigint, note text)")
        psql("INSERT INTO sync_state VALUES ('lab', 0, 'kept'), ('other', 0, 'kept')")

    def read(self):
        with open(self.host, encoding="utf-8") as file:
            return file.read().strip(), int(psql("SELECT last_usn FROM sync_state WHERE name = 'lab'"))

    def write(self, usn):
        psql(f"UPDATE sync_state SET last_usn = {usn} WHERE name = 'lab'")


def poll(folder, keep):
    """One poll by way of a cursor file that only this process sees."""
    host, usn = keep.read()
    mine, state = os.path.join(folder, f"poll.{os.getpid()}"), os.path.join(folder, "objects.json")
    cursor = {"ldapHost": host, "globalCatalog": None, "invocationId": None, "lastUpdated": usn, "lastDeleted": usn}
    sync.replace(mine, cursor)
    try:
        good = sync.poll(mine, state)
        if good:
            keep.write(sync.load(mine)["lastUpdated"])
        return good
    finally:
        os.remove(mine)
        os.remove(mine + ".lock")


def run(folder, keep):
    stop = []
    signal.signal(signal.SIGTERM, lambda *_: stop.append(True))
    while not stop:
        poll(folder, keep)
        time.sleep(0.5)


def start(folder, words):
    with open(os.path.join(folder, "out"), "ab") as out, open(os.path.join(folder, "err"), "ab") as err:
        child = subprocess.Popen(
            [sys.argv[0], "run", *words], stdin=subprocess.DEVNULL, stdout=out, stderr=err, start_new_session=True)
    with open(os.path.join(folder, "pid"), "w", encoding="utf-8") as file:
        file.write(str(child.pid))


def stop(folder):
    try:
        with open(os.path.join(folder, "pid"), encoding="utf-8") as file:
            pid = int(file.read())
        os.kill(pid, signal.SIGTERM)
        for _ in range(300):
            time.sleep(0.1)
            os.kill(pid, 0)
            # a child of a container's first process stays until that one reaps it
            with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
                if ") Z " in file.read():
                    return
        os.killpg(pid, signal.SIGKILL)
    except (FileNotFoundError, ProcessLookupError):
        pass


def keep_host(folder):
    order, path = json.load(sys.stdin), os.path.join(folder, "host")
    with open(path, encoding="utf-8") as file:
        host = file.read().strip()
    if order["op"] == "read":
        print(json.dumps({"fields": {"host": host}}))
        return
    deadly = os.path.join(folder, "deadly")
    if os.path.exists(deadly):
        os.remove(deadly)
        os.kill(os.getppid(), signal.SIGKILL)
        return
    if order["expected"]["fields"]["host"] != host:
        print(json.dumps({"result": "moved"}))
        return
    with open(path, "w", encoding="utf-8") as file:
        file.write(order["new"]["host"])
    print(json.dumps({"result": "written"}))


def main():
    verb, folder, *words = sys.argv[1:]
    if verb == "host":
        keep_host(folder)
        return 0
    sync.PATIENCE = 5.0
    keep = {"files": Files, "postgres": Postgres}[words[0]](folder)
    if verb == "init":
        keep.init(words[1])
    elif verb == "poll":
        return 0 if poll(folder, keep) else 1
    elif verb == "run":
        run(folder, keep)
    elif verb == "start":
        start(folder, [folder, words[0]])
    elif verb == "stop":
        stop(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
