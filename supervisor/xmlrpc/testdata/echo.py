"""Reads documents of Python's own making on standard input, writes how they look on
standard output: the other side of the round trip tests."""
import datetime
import json
import sys
import xmlrpc.client


def plain(v):
    if isinstance(v, xmlrpc.client.DateTime):
        return {"time": v.value}
    if isinstance(v, xmlrpc.client.Binary):
        return {"binary": v.data.decode()}
    if isinstance(v, dict):
        return {"struct": [[k, plain(x)] for k, x in v.items()]}
    if isinstance(v, (list, tuple)):
        return [plain(x) for x in v]
    return v


CALLS = [
    ("supervisor.getState", ()),
    ("supervisor.startProcess", ("café & <co>", True)),
    ("types", (1, -2147483648, False, "", " a\n", 1.5, xmlrpc.client.Binary(b"bytes"),
               datetime.datetime(2024, 2, 29, 1, 2, 3), [[], ["x", [1]]], {"b": 1, "a": {"c": []}})),
    ("system.multicall", ([{"methodName": "m", "params": []}],)),
]

if sys.argv[1] == "calls":  # what Python's client says
    json.dump([xmlrpc.client.dumps(params, method) for method, params in CALLS], sys.stdout)
elif sys.argv[1] == "answers":  # what Python's server says
    json.dump([
        xmlrpc.client.dumps((True,), methodresponse=True),
        xmlrpc.client.dumps(([["tail & <end>", 5, False]],), methodresponse=True),
        xmlrpc.client.dumps(({"name": "a", "pid": 0},), methodresponse=True),
        xmlrpc.client.dumps(xmlrpc.client.Fault(10, "BAD_NAME: nope")),
    ], sys.stdout)
else:  # what Python understands of a document
    try:
        params, method = xmlrpc.client.loads(sys.stdin.buffer.read())
        json.dump({"method": method, "params": plain(params)}, sys.stdout)
    except xmlrpc.client.Fault as f:
        json.dump({"code": f.faultCode, "text": f.faultString}, sys.stdout)
