"""Prints as JSON what supervisord's own parser makes of the files it is given."""
import json
import sys

sys.path.insert(0, "/usr/lib/python3/dist-packages")
from supervisor.options import UnhosedConfigParser  # noqa: E402
from configparser import ParsingError  # noqa: E402

out = []
for name in sys.argv[1:]:
    parser = UnhosedConfigParser()
    try:
        with open(name) as f:
            parser.read_file(f)
        out.append({"sections": [[s, dict(parser.items(s))] for s in parser.sections()]})
    except ParsingError as e:
        out.append({"error": str(e)})
json.dump(out, sys.stdout)
