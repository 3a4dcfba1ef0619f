"""What Python's own client sees of a server: one JSON value a line."""
import json
import sys
import xmlrpc.client

server = xmlrpc.client.ServerProxy(sys.argv[1])


def show(method, *args):
    try:
        answer = getattr(server, method)(*args)
    except xmlrpc.client.Fault as f:
        answer = {"code": f.faultCode, "text": f.faultString}
    except xmlrpc.client.ProtocolError as e:
        answer = e.errcode
    print(method, json.dumps(answer))


show("supervisor.getState")
show("supervisor.getProcessInfo", "cat")
show("supervisor.getProcessInfo", "nope")
show("supervisor.startProcess", "q:q_00", True)
show("supervisor.stopProcessGroup", "q")
show("supervisor.tailProcessStdoutLog", "cat", 0, 100)
show("supervisor.sendProcessStdin", "cat", "é\n")
show("system.multicall", [{"methodName": "supervisor.getPID", "params": []},
                          {"methodName": "supervisor.getProcessInfo", "params": ["nope"]}])
