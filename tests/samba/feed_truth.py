#!/usr/bin/python3
"""A receiver of a feed's events, and what the directory really holds: run it on a DC of the lab.

  feed_truth.py EVENTS-FILE [--state FILE]

Builds the state two receivers of the events would have, reads the same objects from the DC's own database by Samba's
library and not over LDAP, and compares both by objectGUID: name, every attribute, every link by objectGUID.  Prints one
JSON object: the differences, and what the events were.  Exit 0 where nothing differs, 1 where something does.

One receiver takes an event once by its id, the other takes whatever comes; create, undelete and snapshot bring an object
whole, less what they call kept; a delete takes all links to the object with it; a leave takes the object alone.

Besides, of the first receiver: what was told again, by the reason of the event it came with; of that, what its stamp
proves a repeat; and how often a value's stamp was older than the one told before it, within one life of the object with
the receiver, which begins with its create and ends with its delete or leave.

What is compared is worked out here once more, from the schema: not what is constructed, not replicated, derived from
links, confidential or secret, nor what the configuration's `*` leaves out by name.
"""
import argparse
import base64
import datetime
import json
import re
import sys
import uuid

BASE = "OU=Lab,DC=lab,DC=test"
FILTER = ("(&(|(objectClass=user)(objectClass=group)(objectClass=organizationalUnit)(objectClass=contact))"
          "(!(description=hidden*)))")
# what `*` leaves out besides, as `highwater help feed` says: bookkeeping, secrets, and what every event has in another place
LEFT_OUT = {name.lower() for name in """
  badPasswordTime badPwdCount dSCorePropagationData isDeleted isRecycled lastKnownParent lastLogoff lastLogon
  lastLogonTimestamp logonCount msDS-LastKnownRDN nTSecurityDescriptor replPropertyMetaData uSNChanged uSNCreated
  whenChanged objectGUID distinguishedName unicodePwd dBCSPwd ntPwdHistory lmPwdHistory supplementalCredentials
  """.split()}
TIMES = {"accountExpires", "pwdLastSet", "lockoutTime"}
FILETIME_0 = datetime.datetime(1601, 1, 1, tzinfo=datetime.timezone.utc)
WHOLE = {"create", "undelete", "snapshot"}
# every DC stamps the attribute that names an object by itself
NAMING = {"cn", "ou"}


def plain(value):
    """A value of an event in the form of `Truth.value`."""
    if isinstance(value, dict):
        if "guid" in value:
            return value["guid"]
        if "flags" in value:
            return str(value["value"])
        return value["base64"]
    if isinstance(value, bool):
        return str(value).upper()
    return str(value)


def values(value):
    """The values of an attribute of an event, as a sorted list."""
    if value is None:
        return []
    return sorted(plain(one) for one in (value if isinstance(value, list) else [value]))


def stamp(change):
    """What AD compares where two values meet."""
    return change["version"], change["at"], uuid.UUID(change["origin"]).bytes, change["usn"]


class Receiver:
    """What somebody who follows the events knows, and what he was told twice."""

    def __init__(self, takes_all=False):
        self.takes_all = takes_all
        self.objects, self.ids, self.changes, self.digests, self.last = {}, set(), set(), {}, {}
        self.count = {"events": 0, "delivered_again": 0, "changes": 0, "repeated": 0, "repaired": 0, "links": 0,
                      "links_repeated": 0, "names_repeated": 0, "op": {}, "reason": {}, "again": {}, "unknown_object": 0,
                      "backwards": 0}
        self.repeats, self.backwards = [], []

    def add(self, counter, key):
        self.count[counter][key] = self.count[counter].get(key, 0) + 1

    def take(self, event):
        if not event["type"].startswith("highwater.object."):
            return
        if event["id"] in self.ids:
            self.count["delivered_again"] += 1
            if not self.takes_all:
                return
        self.ids.add(event["id"])
        data = event["data"]
        op, guid = data["op"], data["objectGuid"]
        self.count["events"] += 1
        self.add("op", op)
        self.add("reason", data["reason"])
        self.judge(data)
        shown = {name: values(value) for name, value in data["attributes"].items()}
        if op in ("delete", "leave"):
            self.last.pop(guid, None)
        if op == "delete":
            self.objects.pop(guid, None)
            for one in self.objects.values():
                for name in one["links"]:
                    one["values"][name] = [target for target in one["values"].get(name, []) if target != guid]
        elif op == "leave":
            self.objects.pop(guid, None)
        elif op in WHOLE:
            before = self.objects.get(guid, {"values": {}})["values"]
            kept = {name: before.get(name, []) for name in data.get("kept", []) if name in before}
            self.objects[guid] = {"dn": data["dn"], "values": {**shown, **kept}, "links": set()}
        elif guid in self.objects:
            self.objects[guid]["dn"] = data["dn"]
            self.objects[guid]["values"].update(shown)
        else:
            self.count["unknown_object"] += 1
        if guid in self.objects:
            links = {change["attribute"] for change in data["changed"] if "origin" not in change}
            self.objects[guid]["links"] |= links & set(shown)

    def judge(self, data):
        """Counts the changes, and those that were told before."""
        guid, is_whole = data["objectGuid"], data["op"] in WHOLE
        for change in data["changed"]:
            name, key = change["attribute"], change["changeId"]
            if "origin" in change:
                self.count["changes"] += 1
                if key in self.changes:
                    self.add("again", data["reason"])
                if name not in NAMING:
                    self.order(guid, name, change, data)
                if key in self.changes and not is_whole:
                    kind = "repaired" if change.get("repairs") else "repeated"
                    self.count[kind] += 1
                    if kind == "repeated" and len(self.repeats) < 5:
                        self.repeats.append({"change": change, "dn": data["dn"], "reason": data["reason"]})
                same = values(data["attributes"].get(name))
                known = self.objects.get(guid, {"values": {}})["values"]
                if name in ("cn", "ou") and not is_whole and known.get(name) == same:
                    self.count["names_repeated"] += 1
                self.changes.add(key)
            else:
                self.count["links"] += 1
                if self.digests.get((guid, name)) == key and not is_whole and data["reason"] != "member_undeleted":
                    self.count["links_repeated"] += 1
                    self.repeats.append({"change": change, "dn": data["dn"], "reason": data["reason"]})
                self.digests[guid, name] = key

    def order(self, guid, name, change, data):
        """Counts a value that is older than the one told before it."""
        last = self.last.setdefault(guid, {})
        if name in last and stamp(change) < stamp(last[name]):
            self.count["backwards"] += 1
            if len(self.backwards) < 5:
                self.backwards.append({"change": change, "after": last[name], "dn": data["dn"], "reason": data["reason"]})
        last[name] = change

    def state(self):
        return {guid: {"dn": one["dn"], "values": {n: v for n, v in one["values"].items() if v}}
                for guid, one in self.objects.items()}


class Truth:
    """The objects of base and filter in this DC's own database."""

    def __init__(self):
        import ldb
        from samba.auth import system_session
        from samba.param import LoadParm
        from samba.samdb import SamDB
        lp = LoadParm()
        lp.load_default()
        self.ldb = ldb
        self.db = SamDB(url="/var/lib/samba/private/sam.ldb", session_info=system_session(), lp=lp)
        self.schema = {}
        wanted = ["lDAPDisplayName", "systemFlags", "searchFlags", "linkID", "attributeSyntax", "oMSyntax"]
        for one in self.db.search(self.db.get_schema_basedn(), ldb.SCOPE_ONELEVEL, "(objectClass=attributeSchema)", wanted):
            number = lambda name: int(str(one.get(name, ["0"])[0]))
            self.schema[str(one["lDAPDisplayName"][0])] = {
                "flags": number("systemFlags"), "search": number("searchFlags"), "link": number("linkID"),
                "syntax": str(one["attributeSyntax"][0])}

    def follows(self, name):
        one = self.schema.get(name)
        return (one and name.lower() not in LEFT_OUT and not one["flags"] & 0x5 and not one["search"] & 0x80
                and not one["link"] % 2)

    def value(self, name, value):
        syntax = self.schema[name]["syntax"]
        if self.schema[name]["link"]:
            return re.search(rb"<GUID=([0-9a-f-]{36})>", bytes(value)).group(1).decode()
        if syntax == "2.5.5.17":
            from samba.dcerpc import security
            from samba.ndr import ndr_unpack
            return str(ndr_unpack(security.dom_sid, value))
        if syntax == "2.5.5.10":
            return base64.b64encode(value).decode()
        text = bytes(value).decode()
        if syntax == "2.5.5.1":
            return re.sub(r"^(<[^>]*>;)+", "", text)
        if syntax == "2.5.5.11":
            return datetime.datetime.strptime(text, "%Y%m%d%H%M%S.0Z").strftime("%Y-%m-%dT%H:%M:%S.000Z")
        if name in TIMES:
            ticks = int(text)
            if ticks in (0, 2**63 - 1):
                return "never"
            at = FILETIME_0 + datetime.timedelta(seconds=ticks // 10**7)
            rest = ticks % 10**7
            return at.strftime("%Y-%m-%dT%H:%M:%S.") + (f"{rest // 10**4:03}Z" if rest % 10**4 == 0 else f"{rest:07}Z")
        return text

    def objects(self):
        found = {}
        for one in self.db.search(BASE, self.ldb.SCOPE_SUBTREE, FILTER, ["*"], controls=["extended_dn:1:1"]):
            guid = str(uuid.UUID(bytes_le=bytes(one["objectGUID"][0])))
            shown = {name: sorted(self.value(name, value) for value in one[name])
                     for name in one if name != "dn" and self.follows(name)}
            found[guid] = {"dn": re.sub(r"^(<[^>]*>;)+", "", one.dn.extended_str(1)), "values": shown}
        return found


def compare(told, real):
    missing = [real[guid]["dn"] for guid in real.keys() - told.keys()]
    surplus = [told[guid]["dn"] for guid in told.keys() - real.keys()]
    different = []
    for guid in told.keys() & real.keys():
        one, other = told[guid], real[guid]
        if one["dn"] != other["dn"]:
            different.append([guid, "dn", one["dn"], other["dn"]])
        for name in sorted(one["values"].keys() | other["values"].keys()):
            if one["values"].get(name) != other["values"].get(name):
                different.append([guid, other["dn"], name, one["values"].get(name), other["values"].get(name)])
    return missing, surplus, different


def main():
    parser = argparse.ArgumentParser(description="compares a feed's events with the directory, for tests")
    parser.add_argument("events")
    parser.add_argument("--state", help="where to write the state that the events make")
    arguments = parser.parse_args()
    receiver, of_all = Receiver(), Receiver(takes_all=True)
    with open(arguments.events, encoding="utf-8") as lines:
        for line in lines:
            receiver.take(json.loads(line))
            of_all.take(json.loads(line))
    told, real = receiver.state(), Truth().objects()
    if arguments.state:
        with open(arguments.state, "w", encoding="utf-8") as out:
            json.dump(told, out)
    missing, surplus, different = compare(told, real)
    wrong_of_all = [one for kind in compare(of_all.state(), real) for one in kind]
    wrong = len(missing) + len(surplus) + len(different) + len(wrong_of_all)
    print(json.dumps({"objects": len(real), "attributes": sum(len(one["values"]) for one in real.values()), "missing": missing,
                      "surplus": surplus, "different": different, "wrong_of_all": wrong_of_all, "repeats": receiver.repeats,
                      "went_back": receiver.backwards, **receiver.count}))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
