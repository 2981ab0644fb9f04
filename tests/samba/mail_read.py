#!/usr/bin/python3
"""mail_read.py FILE..: each mail, as a mail program reads it, as one line of JSON."""
import email
import email.policy
import json
import sys

for name in sys.argv[1:]:
    with open(name, "rb") as file:
        mail = email.message_from_binary_file(file, policy=email.policy.default)
    part = {kind: mail.get_body((kind,)) for kind in ("plain", "html")}
    print(json.dumps({
        "headers": {key.lower(): str(value) for key, value in mail.items()},
        "type": mail.get_content_type(),
        "defects": [str(defect) for defect in mail.defects],
        **{kind: body and body.get_content() for kind, body in part.items()},
        "raw": mail.as_string(),
    }))
