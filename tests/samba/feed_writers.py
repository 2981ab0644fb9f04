#!/usr/bin/python3
"""One seeded writer of everything a feed has to tell: users and groups with attributes of every kind, memberships,
deletes and undeletes, renames and moves of objects and of the containers they are in, and ways out of the feed's base
and filter and back.  Same flags and same report as writers.py.

Each writer owns the objects named after its seed and DC; besides, all of them change, rename and move the contacts
CN=shared0..7 and change the members of the groups CN=team0..2 below OU=Lab, by objectGUID, so that the DCs meet
conflicting writes and names.
"""
import argparse
import base64
import json
import random
import signal
import subprocess
import sys
import time
import uuid

from writers import BASE, Connection

OUTSIDE = "CN=Users,DC=lab,DC=test"
SHOW_DELETED = "!1.2.840.113556.1.4.417"


def by_guid(octets):
    return f"<GUID={uuid.UUID(bytes_le=octets)}>"


class Directory:
    """Searches on the same DC, for what only the DC knows."""

    def __init__(self, host):
        self.command = ["ldapsearch", "-LLL", "-o", "ldif-wrap=no", "-o", "nettimeout=3", "-x", "-H", f"ldaps://{host}", "-D",
                        "administrator@LAB.TEST", "-w", "Passw0rd.Lab1"]

    def guids(self, base, scope, wanted):
        """The objects found, as `<GUID=...>`; none when the DC does not answer."""
        words = ["timeout", "5", *self.command, "-b", base, "-s", scope, wanted, "objectGUID"]
        text = subprocess.run(words, capture_output=True, text=True).stdout
        values = [line.split(":: ")[1] for line in text.splitlines() if line.startswith("objectGUID:: ")]
        return sorted(by_guid(base64.b64decode(value)) for value in values)


class Node:
    """An object of this writer; its name follows those above it."""

    def __init__(self, kind, rdn, parent):
        self.kind, self.rdn, self.parent, self.joined, self.linked = kind, rdn, parent, [], False

    @property
    def dn(self):
        above = self.parent if isinstance(self.parent, str) else self.parent.dn
        return f"{self.rdn},{above}"

    def is_below(self, other):
        node = self
        while isinstance(node, Node):
            if node is other:
                return True
            node = node.parent
        return False


class Writer:
    """What this writer may do next, and what it owns."""

    KINDS = {"add_user": 22, "add_group": 4, "add_ou": 2, "modify": 26, "flags": 5, "manager": 4, "members": 14,
             "delete": 6, "undelete": 3, "rename": 5, "move": 5, "rename_ou": 3, "move_ou": 2, "leave_base": 3,
             "hide": 3, "shared": 6, "shared_name": 2}

    def __init__(self, name, seed, directory):
        self.name, self.random, self.made, self.directory = name, random.Random(f"{seed} {name}"), 0, directory
        self.nodes, self.deleted = [], []
        self.shared = directory.guids(BASE, "sub", "(cn=shared*)")
        self.teams = directory.guids(BASE, "sub", "(cn=team*)")

    def next_name(self):
        self.made += 1
        return f"{self.name}-{self.made}"

    def of(self, *kinds):
        return [node for node in self.nodes if node.kind in kinds]

    def parents(self):
        return [BASE, "OU=Moved," + BASE, *self.of("ou")]

    @staticmethod
    def below(parent):
        return parent if isinstance(parent, str) else parent.dn

    def added(self, kind, rdn, parent, lines):
        node = Node(kind, rdn, parent)
        return (f"dn: {node.dn}\nchangetype: add\n" + "\n".join(lines)), lambda: self.nodes.append(node)

    def add_user(self):
        name = self.next_name()
        lines = ["objectClass: user", f"sAMAccountName: {name}", f"sn:: {base64.b64encode(f'Größe {name}'.encode()).decode()}",
                 f"description: {name} as it was made"]
        if self.random.random() < 0.3:
            lines += [f"otherTelephone: {self.random.randrange(10**6)}" for _ in range(3)]
        return self.added("user", f"CN={name}", self.random.choice(self.parents()), lines)

    def add_group(self):
        name = self.next_name()
        members = [self.target(node) for node in self.random.sample(self.of("user"), min(4, len(self.of("user"))))]
        lines = ["objectClass: group", f"sAMAccountName: {name}"] + [f"member: {dn}" for dn in members]
        return self.added("group", f"CN={name}", self.random.choice(self.parents()), lines)

    @staticmethod
    def target(node):
        node.linked = True
        return node.dn

    def add_ou(self):
        return self.added("ou", f"OU={self.next_name()}", self.random.choice(self.parents()), ["objectClass: organizationalUnit"])

    def changed(self, dn, *lines):
        return "\n".join([f"dn: {dn}", "changetype: modify", *lines, "-"]), lambda: None

    def value(self):
        self.made += 1
        text = f"{self.name} {self.made}"
        kind = self.random.random()
        if kind < 0.5:
            return ["replace: description", f"description: {text}"]
        if kind < 0.65:
            return ["replace: telephoneNumber", f"telephoneNumber: {self.random.randrange(10**8)}"]
        if kind < 0.75:
            return ["replace: telephoneNumber"]  # takes the value away
        if kind < 0.9:
            return ["replace: otherTelephone", *(f"otherTelephone: {self.made}{at}" for at in range(self.random.randrange(4)))]
        return ["replace: info", f"info:: {base64.b64encode(f'{text} ß'.encode()).decode()}"]

    def modify(self):
        return self.changed(self.random.choice(self.of("user", "group")).dn, *self.value())

    def flags(self):
        value = self.random.choice([546, 66082, 514 + 65536 + 32])
        return self.changed(self.random.choice(self.of("user")).dn, "replace: userAccountControl", f"userAccountControl: {value}")

    def manager(self):
        one, other = self.random.choice(self.of("user")), self.random.choice(self.of("user"))
        one.linked = True
        lines = ["replace: manager"] + ([f"manager: {self.target(other)}"] if self.random.random() < 0.8 else [])
        return self.changed(one.dn, *lines)

    def members(self):
        one = self.random.choice(self.of("user"))
        groups = [node.dn for node in self.of("group")] + self.teams
        group = self.random.choice(groups)
        verb = "delete" if group in one.joined else "add"

        def note():
            (one.joined.remove if verb == "delete" else one.joined.append)(group)
        return self.changed(group, f"{verb}: member", f"member: {self.target(one)}")[0], note

    def delete(self):
        node = self.random.choice(self.of("user", "group"))
        name = self.directory.guids(node.dn, "base", "(objectClass=*)")

        def note():
            self.nodes.remove(node)
            for guid in [] if node.linked or node.kind == "group" else name:
                tombstone = f"{node.rdn}\\0ADEL:{guid[6:-1]},CN=Deleted Objects,DC=lab,DC=test"
                self.deleted.append((tombstone, node))
        return f"dn: {node.dn}\nchangetype: delete", note

    def undelete(self):
        at = self.random.randrange(len(self.deleted))
        tombstone, node = self.deleted[at]
        back = Node(node.kind, f"CN={self.next_name()}", BASE)

        def note():
            self.deleted.pop(at)
            self.nodes.append(back)
        return self.changed(tombstone, "delete: isDeleted", "-", "replace: distinguishedName", f"distinguishedName: {back.dn}")[0], note

    def renamed(self, node, rdn, parent):
        above = "" if parent is node.parent else f"\nnewsuperior: {self.below(parent)}"

        def note():
            node.rdn, node.parent = rdn, parent
        return f"dn: {node.dn}\nchangetype: modrdn\nnewrdn: {rdn}\ndeleteoldrdn: 1{above}", note

    def rename(self):
        node = self.random.choice(self.of("user", "group"))
        return self.renamed(node, f"CN={self.next_name()}", node.parent)

    def move(self):
        node = self.random.choice(self.of("user", "group"))
        return self.renamed(node, node.rdn, self.random.choice(self.parents()))

    def rename_ou(self):
        node = self.random.choice(self.of("ou"))
        return self.renamed(node, f"OU={self.next_name()}", node.parent)

    def move_ou(self):
        node = self.random.choice(self.of("ou"))
        others = [one for one in self.parents() if isinstance(one, str) or not one.is_below(node)]
        return self.renamed(node, node.rdn, self.random.choice(others))

    def leave_base(self):
        node = self.random.choice(self.of("user"))
        return self.renamed(node, node.rdn, BASE if node.parent == OUTSIDE else OUTSIDE)

    def hide(self):
        text = "hidden" if self.random.random() < 0.5 else "shown"
        node = self.random.choice(self.of("user"))
        return self.changed(node.dn, "replace: description", f"description: {text} {self.next_name()}")

    def shared_value(self):
        return self.changed(self.random.choice(self.shared), *self.value())

    def shared_name(self):
        above = self.random.choice([BASE, "OU=Moved," + BASE])
        ldif = (f"dn: {self.random.choice(self.shared)}\nchangetype: modrdn\nnewrdn: CN=shared {self.next_name()}\n"
                f"deleteoldrdn: 1\nnewsuperior: {above}")
        return ldif, lambda: None

    def next(self):
        """The kind of the next write, its LDIF, and what to note when it succeeds."""
        kind = self.random.choices(list(self.KINDS), list(self.KINDS.values()))[0]
        if kind == "undelete" and not self.deleted or "_ou" in kind and not self.of("ou") and kind != "add_ou":
            kind = "add_ou"
        elif len(self.of("user")) < 5 and kind != "add_ou":
            kind = "add_user"
        return kind, *getattr(self, "shared_value" if kind == "shared" else kind)()


def main():
    parser = argparse.ArgumentParser(description="a seeded writer for a feed to one DC, for tests")
    parser.add_argument("--host", required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--rate", type=float, default=20, help="writes a second; 0: as fast as they are answered")
    parser.add_argument("--seconds", type=float, default=float("inf"))
    arguments = parser.parse_args()
    stop = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.append(True))
    connection, reviver = Connection(arguments.host), Connection(arguments.host)
    reviver.command += ["-e", SHOW_DELETED]
    writer = Writer(f"w{arguments.seed}{arguments.host.split('.')[0]}", arguments.seed, Directory(arguments.host))
    count = {"host": arguments.host, "tried": 0, "succeeded": 0, "failed": 0, "refused": {}}
    began = time.monotonic()
    while not stop and time.monotonic() - began < arguments.seconds:
        kind, ldif, note = writer.next()
        count["tried"] += 1
        result = (reviver if kind == "undelete" else connection).write(ldif)
        if result:
            note()
            count["succeeded"] += 1
            count[kind] = count.get(kind, 0) + 1
        else:
            count["failed"] += 1
            count["refused"][kind] = count["refused"].get(kind, 0) + 1
        if result is None:
            time.sleep(0.2)  # the DC is gone: do not spin
        if arguments.rate > 0:
            time.sleep(max(0.0, began + count["tried"] / arguments.rate - time.monotonic()))
    connection.close()
    reviver.close()
    print(json.dumps(count), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
