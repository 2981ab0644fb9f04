#!/usr/bin/python3
"""What a DC's own database holds of the domain, read by Samba's library and not over LDAP.  Run it on that DC:

  reading.py NAMES-FILE

NAMES-FILE has a JSON object: lDAPDisplayName -> OID of the attributes wanted.  Prints a JSON object by objectGUID: dn,
usn, deleted, stamps (by lDAPDisplayName, linked attributes left out), values (base64) and links (objectGUIDs).
"""
import base64
import json
import re
import sys

import ldb
from samba.auth import system_session
from samba.dcerpc import drsblobs, misc
from samba.ndr import ndr_unpack
from samba.param import LoadParm
from samba.samdb import SamDB

NC = "DC=lab,DC=test"
GUID = re.compile(r"<GUID=([0-9a-f-]{36})>")

names = json.load(open(sys.argv[1]))
lp = LoadParm()
lp.load_default()
db = SamDB(url="/var/lib/samba/private/sam.ldb", session_info=system_session(), lp=lp)
linked = set()
for name in names:
    try:
        if db.get_linkId_from_lDAPDisplayName(name) > 0:
            linked.add(name)
    except Exception:  # attributes of no class are unknown to it
        pass
always = ["objectGUID", "uSNChanged", "isDeleted", "replPropertyMetaData"]


def stamps(blob):
    for one in ndr_unpack(drsblobs.replPropertyMetaDataBlob, blob).ctr.array:
        name = db.get_lDAPDisplayName_by_attid(one.attid)
        try:
            if db.get_linkId_from_lDAPDisplayName(name) > 0:
                continue
        except Exception:
            pass
        seconds = one.originating_change_time // 10000000 - 11644473600  # the library counts in 100 ns
        yield name, [one.version, seconds, str(one.originating_invocation_id), one.originating_usn, one.local_usn]


found = {}
everything = dict(base=NC, scope=ldb.SCOPE_SUBTREE, expression="(objectClass=*)", attrs=list(names) + always)
for entry in db.search(controls=["show_deleted:1"], **everything):
    guid = str(ndr_unpack(misc.GUID, entry["objectGUID"][0]))
    found[guid] = {
        "dn": str(entry.dn),
        "usn": int(str(entry["uSNChanged"][0])),
        "deleted": str(entry.get("isDeleted", ["FALSE"])[0]) == "TRUE",
        "stamps": dict(stamps(entry["replPropertyMetaData"][0])),
        "values": {n: sorted(base64.b64encode(v).decode() for v in entry[n]) for n in names if n in entry and n not in linked},
        "links": {},
    }
for entry in db.search(controls=["show_deleted:1", "extended_dn:1:1"], **everything):
    one = found[str(ndr_unpack(misc.GUID, entry["objectGUID"][0]))]
    one["links"] = {n: sorted({GUID.search(str(v)).group(1) for v in entry[n]}) for n in names if n in entry and n in linked}
json.dump(found, sys.stdout)
