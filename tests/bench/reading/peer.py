"""Reads everything with python-ldap, page by page, and prints how many entries there were.

Usage: peer.py URL USER PASSWORD BASE FILTER ATTRIBUTE...
"""
import sys

import ldap
from ldap.controls.libldap import SimplePagedResultsControl

url, user, password, base, text, *attributes = sys.argv[1:]
connection = ldap.initialize(url)
connection.simple_bind_s(user, password)
read = 0
page = SimplePagedResultsControl(True, size=1000, cookie="")
while True:
    request = connection.search_ext(base, ldap.SCOPE_SUBTREE, text, attributes, serverctrls=[page])
    _, entries, _, answered = connection.result3(request)
    read += sum(1 for _, values in entries if len(values) == len(attributes))
    page.cookie = next(one.cookie for one in answered if one.controlType == page.controlType)
    if not page.cookie:
        break
print(read)
