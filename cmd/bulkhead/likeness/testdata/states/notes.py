# A listener that writes each event into a file: its name, a space, its payload, an end of line.
import sys

from supervisor import childutils

with open(sys.argv[1], "a") as notes:
    while True:
        headers, payload = childutils.listener.wait()
        notes.write("%s %s\n" % (headers["eventname"], payload))
        notes.flush()
        childutils.listener.ok()
