#!/usr/bin/python3
"""One seeded writer: adds, changes, renames, moves and deletes contacts and users under OU=Lab on one DC, over a
connection kept open.  Run it inside `cl` of the lab, one process for each DC.

  writers.py --host dc1.lab.test --seed 7 [--rate 20] [--seconds 10] [--stop-file FILE]

Stops after --seconds, at the stop file, at SIGTERM or SIGINT, whichever is first; then prints one JSON object: what was
tried, what succeeded, what failed and the successes by kind.  A write whose answer never came (the DC was killed) counts
as failed, though the DC may have it.  The same seed makes the same choices as long as the same writes succeed.

Each writer owns the objects named after its seed and DC; besides, all writers change the contacts CN=shared0..7 the lab
was built with, so that the DCs meet conflicting writes.  Containers are never renamed: that changes the names of
objects whose uSNChanged stays, which no poll sees.
"""
import argparse
import json
import os
import random
import re
import select
import signal
import subprocess
import sys
import time

BASE = "OU=Lab,DC=lab,DC=test"
PARENTS = [BASE, "OU=Moved," + BASE]
PATIENCE = 10  # seconds for one answer
DONE = re.compile(rb"^(modify|delete|rename) complete$")
REFUSED = re.compile(rb"^ldap_\w+: .*\(-?\d+\)")


class Connection:
    """ldapmodify reading LDIF from us; started again after it loses its DC."""

    def __init__(self, host):
        self.command = ["stdbuf", "-oL", "ldapmodify", "-v", "-c", "-x", "-o", "nettimeout=5", "-H", f"ldaps://{host}",
                        "-D", "administrator@LAB.TEST", "-w", "Passw0rd.Lab1"]
        self.child, self.rest = None, b""

    def close(self):
        if self.child:
            self.child.kill()
            self.child.wait()
            self.child = None

    def lines(self, deadline):
        """Lines of output until the deadline or the end of ldapmodify."""
        while True:
            line, newline, self.rest = self.rest.partition(b"\n")
            if newline:
                yield line
                continue
            self.rest = line
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self.child.stdout], [], [], left)[0]:
                return
            chunk = os.read(self.child.stdout.fileno(), 65536)
            if not chunk:
                return
            self.rest += chunk

    def write(self, ldif):
        """True when the DC answered with success, False when it refused, None when no answer came."""
        if self.child is None:
            self.rest = b""
            self.child = subprocess.Popen(self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                          stderr=subprocess.STDOUT)
        try:
            self.child.stdin.write(ldif.encode() + b"\n\n")
            self.child.stdin.flush()
        except BrokenPipeError:
            self.close()
            return None
        for line in self.lines(time.monotonic() + PATIENCE):
            if DONE.match(line):
                return True
            if REFUSED.match(line):
                if b"(-" in line:  # an error of the client's own: the connection is gone
                    break
                return False
        self.close()
        return None


class Writer:
    """What this writer may do next, and what it owns."""

    def __init__(self, name, seed):
        self.name, self.random, self.made, self.owned = name, random.Random(f"{seed} {name}"), 0, []

    def text(self):
        return f"{self.name} {self.made} {self.random.randrange(10**6)}"

    def new_rdn(self):
        self.made += 1
        return f"CN={self.name}-{self.made}"

    def add(self):
        rdn, parent = self.new_rdn(), self.random.choice(PARENTS)
        kind = "objectClass: contact"
        if self.random.random() < 0.3:
            kind = f"objectClass: user\nsAMAccountName: {rdn[3:]}"
        ldif = f"dn: {rdn},{parent}\nchangetype: add\n{kind}\ndescription: {self.text()}"
        return ldif, lambda: self.owned.append((rdn, parent))

    def modify(self):
        self.made += 1
        if self.owned and self.random.random() < 0.8:
            dn = ",".join(self.random.choice(self.owned))
        else:
            dn = f"CN=shared{self.random.randrange(8)},{BASE}"
        change = f"replace: description\ndescription: {self.text()}"
        chance = self.random.random()
        if chance < 0.2:
            change = "replace: telephoneNumber"  # takes the value away
        elif chance < 0.5:
            change = f"replace: telephoneNumber\ntelephoneNumber: +49 {self.random.randrange(10**8)}"
        return f"dn: {dn}\nchangetype: modify\n{change}\n-", lambda: None

    def delete(self):
        at = self.random.randrange(len(self.owned))
        return f"dn: {','.join(self.owned[at])}\nchangetype: delete", lambda: self.owned.pop(at)

    def rename(self):
        at = self.random.randrange(len(self.owned))
        (rdn, parent), new = self.owned[at], self.new_rdn()
        return (f"dn: {rdn},{parent}\nchangetype: modrdn\nnewrdn: {new}\ndeleteoldrdn: 1",
                lambda: self.owned.__setitem__(at, (new, parent)))

    def move(self):
        at = self.random.randrange(len(self.owned))
        rdn, parent = self.owned[at]
        other = PARENTS[1 - PARENTS.index(parent)]
        return (f"dn: {rdn},{parent}\nchangetype: modrdn\nnewrdn: {rdn}\ndeleteoldrdn: 1\nnewsuperior: {other}",
                lambda: self.owned.__setitem__(at, (rdn, other)))

    def next(self):
        """The kind of the next write, its LDIF, and what to note when it succeeds."""
        kinds = ["add", "modify", "delete", "rename", "move"]
        kind = self.random.choices(kinds, [35, 40, 10, 10, 5])[0]
        if not self.owned and kind not in ("add", "modify"):
            kind = "add"
        return kind, *getattr(self, kind)()


def main():
    parser = argparse.ArgumentParser(description="a seeded writer to one DC, for tests")
    parser.add_argument("--host", required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--rate", type=float, default=20, help="writes a second; 0: as fast as they are answered")
    parser.add_argument("--seconds", type=float, default=float("inf"))
    parser.add_argument("--stop-file")
    arguments = parser.parse_args()
    stop = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.append(True))
    connection = Connection(arguments.host)
    writer = Writer(f"w{arguments.seed}{arguments.host.split('.')[0]}", arguments.seed)
    count = {"host": arguments.host, "tried": 0, "succeeded": 0, "failed": 0}
    began = time.monotonic()
    while not stop and time.monotonic() - began < arguments.seconds:
        if arguments.stop_file and os.path.exists(arguments.stop_file):
            break
        kind, ldif, note = writer.next()
        count["tried"] += 1
        result = connection.write(ldif)
        if result:
            note()
            count["succeeded"] += 1
            count[kind] = count.get(kind, 0) + 1
        else:
            count["failed"] += 1
        if result is None:
            time.sleep(0.2)  # the DC is gone: do not spin
        if arguments.rate > 0:
            time.sleep(max(0.0, began + count["tried"] / arguments.rate - time.monotonic()))
    connection.close()
    print(json.dumps(count), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
