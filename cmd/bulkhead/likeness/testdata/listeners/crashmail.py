# What superlance's crashmail does, with a file for the mail.
import os
import sys

from supervisor import childutils

if "SUPERVISOR_SERVER_URL" not in os.environ:
    sys.exit("crashmail must be run as a supervisor event listener")

while True:
    headers, payload = childutils.listener.wait(sys.stdin, sys.stdout)
    if headers["eventname"] != "PROCESS_STATE_EXITED":
        childutils.listener.ok(sys.stdout)
        continue
    pheaders, pdata = childutils.eventdata(payload + "\n")
    if int(pheaders["expected"]):
        childutils.listener.ok(sys.stdout)
        continue
    with open(sys.argv[1], "a") as mail:
        mail.write(
            "Process %(processname)s in group %(groupname)s exited unexpectedly (pid %(pid)s) from state %(from_state)s\n" % pheaders
        )
    childutils.listener.ok(sys.stdout)
