"""Prints as JSON what supervisord makes of each config file it is given.

A file that it refuses is {"error": TEXT}. Run with the directory of the files
as working directory."""
import json
import os
import sys

sys.path.insert(0, "/usr/lib/python3/dist-packages")
from supervisor.datatypes import Automatic, RestartUnconditionally  # noqa: E402
from supervisor import options as o  # noqa: E402


class Refused(Exception):
    pass


class Options(o.ServerOptions):
    def usage(self, msg):
        raise Refused(str(msg))


base = "."  # where a daemon opens the files of its children


def log(value, maxbytes, backups):
    if value is None:
        return None
    return {"path": "AUTO" if value is Automatic else os.path.abspath(os.path.join(base, value)), "maxbytes": maxbytes, "backups": backups}


def restart(value):
    if value is RestartUnconditionally:
        return "true"
    return "unexpected" if value else "false"


def process(p):
    from supervisor.process import shlex

    try:
        argv = shlex.split(p.command) or ["(empty)"]
    except ValueError:  # it fails at the start; here as a file of this name
        argv = [p.command]
    return {
        "name": p.name, "argv": argv, "directory": p.directory and os.path.abspath(os.path.join(base, p.directory)), "umask": p.umask, "uid": p.uid,
        "priority": p.priority, "autostart": p.autostart, "autorestart": restart(p.autorestart),
        "startsecs": p.startsecs, "startretries": p.startretries, "stopsignal": int(p.stopsignal),
        "stopwaitsecs": p.stopwaitsecs, "stopasgroup": p.stopasgroup, "killasgroup": p.killasgroup,
        "exitcodes": p.exitcodes, "redirect_stderr": p.redirect_stderr, "environment": p.environment,
        "serverurl": p.serverurl,
        "stdout": log(p.stdout_logfile, p.stdout_logfile_maxbytes, p.stdout_logfile_backups),
        "stderr": log(p.stderr_logfile, p.stderr_logfile_maxbytes, p.stderr_logfile_backups),
        "stdout_capture": [p.stdout_capture_maxbytes, p.stdout_events_enabled, p.stdout_syslog],
        "stderr_capture": [p.stderr_capture_maxbytes, p.stderr_events_enabled, p.stderr_syslog],
    }


def group(g):
    out = {"name": g.name, "priority": g.priority, "processes": [process(p) for p in g.process_configs]}
    if hasattr(g, "pool_events"):
        from supervisor.events import EventTypes

        names = {getattr(EventTypes, n): n for n in dir(EventTypes) if n[0] != "_"}
        out["events"] = sorted(names[e] for e in g.pool_events)
        out["buffer_size"] = g.buffer_size
    if hasattr(g, "socket_config"):
        s = g.socket_config
        out["socket"] = {"url": s.url, "backlog": s.backlog,
                         "mode": getattr(s, "mode", None), "owner": getattr(s, "owner", None)}
    return out


def server(s):
    return {k: s.get(k) for k in ("file", "host", "port", "chmod", "chown", "username", "password")}


def dump(name):
    options = Options()
    try:
        options.realize(["-c", name], doc="", progname="supervisord")
    except Refused as e:
        return {"error": str(e)}
    section = options.configroot.supervisord
    global base
    base = "." if options.nodaemon else options.directory or "."
    return {
        "groups": [group(g) for g in options.process_group_configs],
        "servers": [server(s) for s in section.server_configs],
        "supervisord": {k: getattr(options, k) for k in (
            "logfile", "logfile_maxbytes", "logfile_backups", "loglevel", "pidfile", "umask", "directory", "minfds",
            "minprocs", "identifier", "childlogdir", "serverurl", "user")}
        | {k: bool(getattr(options, k)) for k in ("nodaemon", "silent", "nocleanup", "strip_ansi")}
        | {"directory": options.directory and os.path.abspath(options.directory)},
        "warnings": len(options.parse_warnings),
    }


json.dump({name: dump(name) for name in sys.argv[1:]}, sys.stdout)
