# What superlance's memmon does: on every tick it restarts the program whose
# resident memory is over so many bytes. It asks through the daemon's XML-RPC.
import os
import subprocess
import sys

from supervisor import childutils
from supervisor.states import ProcessStates
from supervisor.xmlrpc import Faults
import xmlrpc.client

path, watched, most = sys.argv[1], sys.argv[2], int(sys.argv[3])
rpc = childutils.getRPCInterface(os.environ)

while True:
    headers, payload = childutils.listener.wait(sys.stdin, sys.stdout)
    if not headers["eventname"].startswith("TICK"):
        childutils.listener.ok(sys.stdout)
        continue
    for info in rpc.supervisor.getAllProcessInfo():
        if not info["pid"] or info["name"] != watched:
            continue
        data = subprocess.run(["ps", "-orss=", "-p", str(info["pid"])], capture_output=True, text=True).stdout
        if not data.strip() or int(data) * 1024 <= most:
            continue
        name = "%s:%s" % (info["group"], info["name"])
        said = ["%s: stop %r" % (name, rpc.supervisor.stopProcess(name))]
        try:
            said.append("start %r" % rpc.supervisor.startProcess(name))
        except xmlrpc.client.Fault as e:
            said.append("start %d %s" % (e.faultCode, e.faultString))
        now = rpc.supervisor.getProcessInfo(name)
        said.append("running %r, another process %r" % (now["state"] == ProcessStates.RUNNING, now["pid"] != info["pid"]))
        try:
            rpc.supervisor.startProcess(name)
        except xmlrpc.client.Fault as e:
            said.append("again %r" % (e.faultCode == Faults.ALREADY_STARTED))
        with open(path, "a") as mail:
            mail.write(", ".join(said) + "\n")
    childutils.listener.ok(sys.stdout)
