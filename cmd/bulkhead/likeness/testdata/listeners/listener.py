# listener.py FILE [MANNER TIMES]: notes each event in FILE, a line of JSON, and answers OK;
# but the first TIMES it does what MANNER says. FILE.times counts over its lives.
import json
import os
import sys
import time

from supervisor import childutils

path, manner, times = (sys.argv[1:] + ["", "0"])[:3]


def once_more():
    """Whether the manner still applies."""
    with open(path + ".times", "a+") as f:
        f.write("x")
        f.flush()
        return f.tell() <= int(times)


while True:
    headers, payload = childutils.listener.wait()
    with open(path, "a") as notes:
        kept = {k: headers[k] for k in ("ver", "server", "pool", "poolserial", "eventname", "len")}
        notes.write(json.dumps([kept, payload]) + "\n")
    if manner and once_more():
        if manner == "crash":
            os._exit(3)
        if manner == "silent":
            time.sleep(3600)
        if manner == "fail":
            childutils.listener.fail()
            continue
        if manner == "babble":
            sys.stdout.write("this is no answer\n")
            sys.stdout.flush()
            continue
    childutils.listener.ok()
