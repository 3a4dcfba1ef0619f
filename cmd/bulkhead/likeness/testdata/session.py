# Plays the steps of a script against one daemon and prints what came of each.
#
# Standard input: {"server": path of the socket, "client": [argument...], "steps": [...]}
# Standard output: a JSON list with one result for each step.
#
# The real supervisorctl runs as a fork of this process, which is many times
# faster than an interpreter for every call; any other client is executed.
import http.client
import json
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import time
import xml.etree.ElementTree
import xmlrpc.client

from supervisor import supervisorctl
from supervisor.xmlrpc import SupervisorTransport

REAL = "/usr/bin/supervisorctl"
PATIENCE = 60  # seconds for anything that is waited for

job = json.load(sys.stdin)


class Stuck(Exception):
    pass


def polled(what, ready):
    """Asks until ready says yes; nothing tells a client of a change."""
    end = time.monotonic() + PATIENCE
    while True:
        found = ready()
        if found:
            return found
        if time.monotonic() > end:
            raise Stuck("waited %d s for %s" % (PATIENCE, what()))
        time.sleep(0.01)


class UnixConnection(http.client.HTTPConnection):
    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(PATIENCE)
        self.sock.connect(job["server"])


# --- the client ---------------------------------------------------------------


def begin(args, stdin):
    """Starts the client and returns its pid and the read ends of both outputs."""
    out, out_w = os.pipe()
    err, err_w = os.pipe()
    argv = job["client"] + args
    sys.stdout.flush()
    pid = os.fork()
    if pid:
        os.close(out_w)
        os.close(err_w)
        return pid, out, err
    os.dup2(stdin, 0)
    os.dup2(out_w, 1)
    os.dup2(err_w, 2)
    os.closerange(3, 64)
    code = 1
    try:
        if argv[0] == REAL:
            sys.argv = argv[:1]
            # As the interpreter makes it when standard input is no terminal.
            sys.stdin = os.fdopen(0, "r")
            supervisorctl.main(argv[1:])
            code = 0
        else:
            os.execv(argv[0], argv)
    except SystemExit as e:
        code = e.code or 0
    except KeyboardInterrupt:
        code = 130
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def finish(pid, out, err, enough=None):
    """Reads both outputs to their end, and interrupts the client once its
    output holds what is enough."""
    said = {out: b"", err: b""}
    unread = {out, err}
    end = time.monotonic() + PATIENCE
    while unread:
        ready, _, _ = select.select(list(unread), [], [], max(0, end - time.monotonic()))
        if not ready:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            raise Stuck("the client did not end; it said %r" % said[out])
        for f in ready:
            chunk = os.read(f, 1 << 16)
            said[f] += chunk
            if not chunk:
                unread.remove(f)
                os.close(f)
        if enough and enough in said[out]:
            time.sleep(0.3)  # until it is back in its loop, where it expects to be interrupted
            os.kill(pid, signal.SIGINT)
            enough = None
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    return {"out": said[out].decode("utf-8", "replace"), "err": said[err].decode("utf-8", "replace"), "code": code}


def ctl(step):
    with open("/dev/null") as null:
        return finish(*begin(step["args"], null.fileno()))


def follow(step):
    """The client is interrupted once it has printed a text."""
    with open("/dev/null") as null:
        return finish(*begin(step["args"], null.fileno()), enough=step["text"].encode())


def shell(step):
    """The interactive client, with lines typed in."""
    r, w = os.pipe()
    os.set_inheritable(w, False)
    os.write(w, "".join(line + "\n" for line in step["args"]).encode())
    os.close(w)
    try:
        return finish(*begin([], r))
    finally:
        os.close(r)


# --- the wire -----------------------------------------------------------------


def flat(value, path, into):
    """A <value> as (path, type and text) with the order of everything kept."""
    kinds = list(value)
    if not kinds:
        into.append([path, "untyped %s" % (value.text or "")])
        return
    kind = kinds[0]
    if kind.tag == "array":
        items = kind.findall("data/value")
        into.append([path, "array of %d" % len(items)])
        for i, item in enumerate(items):
            flat(item, "%s[%s]" % (path, label(item, i)), into)
    elif kind.tag == "struct":
        members = kind.findall("member")
        into.append([path, "struct of " + " ".join(m.findtext("name") for m in members)])
        for m in members:
            flat(m.find("value"), path + "." + m.findtext("name"), into)
    else:
        into.append([path, "%s %s" % (kind.tag, kind.text or "")])


def label(value, i):
    """What an element of a list is called: its process, or its place."""
    named = {m.findtext("name"): "".join(m.find("value").itertext()) for m in value.findall("struct/member")}
    if "group" in named and "name" in named:
        return named["group"] + ":" + named["name"]
    return i


def exchange(method, path, body=None, headers={}):
    conn = UnixConnection("localhost")
    try:
        conn.request(method, path, body, headers)
        answer = conn.getresponse()
        return answer, answer.read()
    finally:
        conn.close()


def rpc(step):
    body = step.get("text")
    if body is None:
        body = xmlrpc.client.dumps(tuple(step.get("params", [])), step["method"])
    answer, text = exchange("POST", "/RPC2", body.encode(), {"Content-Type": "text/xml"})
    facts = [["", "HTTP %d %s" % (answer.status, answer.getheader("Content-Type"))]]
    if answer.status == 200:
        try:
            xmlrpc.client.loads(text)  # Python's own reader must like it, too
        except xmlrpc.client.Fault:
            pass
        root = xml.etree.ElementTree.fromstring(text)
        for value in root.findall("params/param/value"):
            flat(value, " =", facts)
        for value in root.findall("fault/value"):
            flat(value, " fault", facts)
    return {"facts": facts, "raw": text.decode("utf-8", "replace")}


def fetch(step):
    """One HTTP request; a stream is read until it holds a text."""
    conn = UnixConnection("localhost")
    try:
        conn.request(step["method"], step["path"])
        answer = conn.getresponse()
        body = b""
        while not step.get("text") or step["text"].encode() not in body:
            chunk = answer.read1(1 << 16)
            if not chunk:
                break
            body += chunk
    finally:
        conn.close()
    names = ("Content-Type", "Transfer-Encoding", "X-Accel-Buffering", "WWW-Authenticate", "Allow")
    facts = [["", "HTTP %d" % answer.status]]
    facts += [[" " + n, answer.getheader(n)] for n in names if answer.getheader(n)]
    if answer.status == 200:
        facts.append([" body", body.decode("utf-8", "replace")])
    return {"facts": facts}


# --- the world around -----------------------------------------------------------

server = xmlrpc.client.ServerProxy("http://localhost", SupervisorTransport("", "", "unix://" + job["server"]))


def wait(step):
    """Until each process is in its state. A state with an exclamation mark has
    to be younger than a second; * are all processes, "ended" any state without
    a process."""
    seen = {}

    def ready():
        seen.clear()
        for info in server.supervisor.getAllProcessInfo():
            seen[info["name"]] = info
        return all(arrived(name, want) for name, want in step["states"].items())

    def arrived(name, want):
        if name == "*":
            return bool(seen) and all(arrived(n, want) for n in seen)
        info = seen.get(name)
        if info is None:
            return want == "GONE"
        if want == "ended":
            return info["statename"] in ("STOPPED", "EXITED", "FATAL")
        since = info["now"] - max(info["start"], info["stop"])
        return info["statename"] == want.rstrip("!") and (not want.endswith("!") or since < 1)

    polled(lambda: "%s, and it is %s" % (step["states"], {n: i["statename"] for n, i in seen.items()}), ready)


def until(step):
    """Until a file holds a text."""

    def ready():
        try:
            with open(step["path"], errors="replace") as f:
                return step["text"] in f.read()
        except FileNotFoundError:
            return False

    polled(lambda: "%r in %s" % (step["text"], step["path"]), ready)


def lines(step):
    """Until a file has so many lines."""

    def ready():
        try:
            with open(step["path"], errors="replace") as f:
                return len(f.readlines()) >= int(step["text"])
        except FileNotFoundError:
            return False

    polled(lambda: "%s lines in %s" % (step["text"], step["path"]), ready)


def copy(step):
    shutil.copyfile(step["from"], step["path"])


def remove(step):
    os.remove(step["path"])


def kill(step):
    """A signal to a process that only the daemon knows."""
    os.kill(server.supervisor.getProcessInfo(step["name"])["pid"], getattr(signal, step["text"]))


def deaf(step):
    """Until a process ignores SIGTERM."""

    def ready():
        with open("/proc/%d/status" % server.supervisor.getProcessInfo(step["name"])["pid"]) as f:
            ignored = next(line for line in f if line.startswith("SigIgn:"))
        return int(ignored.split()[1], 16) >> (signal.SIGTERM - 1) & 1

    polled(lambda: "%s to ignore SIGTERM" % step["name"], ready)


kinds = {f.__name__: f for f in (ctl, follow, shell, rpc, fetch, wait, until, lines, copy, remove, kill, deaf)}
results = []
for step in job["steps"]:
    try:
        results.append(kinds[step["kind"]](step))
    except Exception as e:
        results.append({"stuck": "%s: %s" % (type(e).__name__, e)})
        break  # what follows would be compared in another state
json.dump(results, sys.stdout)
