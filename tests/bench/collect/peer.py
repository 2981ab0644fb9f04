"""One collection round by a Python library: the reads of a poll over open connections, all DCs by a pool of threads.

Usage: peer.py ldap3|python-ldap ROUNDS THREADS < DCs, a line each: host port password base
Prints a line per round: wall seconds, CPU seconds (user and system) of this process.
"""
import sys
import time
from concurrent.futures import ThreadPoolExecutor

USER = "reader@sim.test"
ROOT = ["dsServiceName", "serverName", "dnsHostName", "highestCommittedUSN", "currentTime", "isSynchronized",
        "isGlobalCatalogReady", "namingContexts", "configurationNamingContext", "rootDomainNamingContext"]
SETTINGS = ["invocationId", "options", "objectClass", "hasPartialReplicaNCs"]
HEAD = ["replUpToDateVector", "instanceType"]


def ldap3_reader(port, password):
    import ldap3
    server = ldap3.Server("127.0.0.1", port=port, get_info=ldap3.NONE)
    connection = ldap3.Connection(server, USER, password, client_strategy=ldap3.SYNC, auto_bind=True)

    def read(base, attributes):
        if not connection.search(base, "(objectClass=*)", ldap3.BASE, attributes=attributes):
            raise SystemExit(f"no answer about {base!r}: {connection.result}")
        return connection.response[0]["raw_attributes"]
    return read


def python_ldap_reader(port, password):
    import ldap
    connection = ldap.initialize(f"ldap://127.0.0.1:{port}")
    connection.simple_bind_s(USER, password)

    def read(base, attributes):
        return connection.search_s(base, ldap.SCOPE_BASE, "(objectClass=*)", attributes)[0][1]
    return read


def poll(reader):
    """Identity, highestCommittedUSN, the vector, highestCommittedUSN, identity again: what makes a sample evidence."""
    read, base = reader
    service = read("", ROOT)["dsServiceName"][0].decode()
    before = read(service, SETTINGS)["invocationId"][0]
    first = int(read("", ROOT)["highestCommittedUSN"][0])
    vector = read(base, HEAD)["replUpToDateVector"][0]
    second = int(read("", ROOT)["highestCommittedUSN"][0])
    if read(service, SETTINGS)["invocationId"][0] != before or second < first or not vector:
        raise SystemExit("the DC changed meanwhile")


def main():
    library, rounds, threads = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    connect = {"ldap3": ldap3_reader, "python-ldap": python_ldap_reader}[library]
    readers = []
    for line in sys.stdin:
        _, port, password, base = line.split()
        readers.append((connect(int(port), password), base))
    with ThreadPoolExecutor(threads) as pool:
        for _ in range(rounds):
            wall, cpu = time.perf_counter(), time.process_time()
            list(pool.map(poll, readers))
            print(time.perf_counter() - wall, time.process_time() - cpu, flush=True)


main()
