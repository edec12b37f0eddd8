"""Reads a dashboard from standard input with the types that Grafana generates from its schema, and writes it back: what is
not in the schema is lost on the way, and is printed."""
import json
import sys

from grafana_foundation_sdk.cog import plugins
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard
from grafana_foundation_sdk.models.prometheus import Dataquery


def compare(ours, theirs, path):
    if isinstance(ours, dict) and isinstance(theirs, dict):
        for key, value in ours.items():
            if key not in theirs:
                print(f"{path}/{key} is not in the schema")
            else:
                compare(value, theirs[key], f"{path}/{key}")
    elif isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        for at, (one, other) in enumerate(zip(ours, theirs)):
            compare(one, other, f"{path}/{at}")
    elif ours != theirs:
        print(f"{path}: {ours!r} became {theirs!r}")


plugins.register_default_plugins()
given = json.load(sys.stdin)
read = Dashboard.from_json(given)
compare(given, json.loads(JSONEncoder().encode(read)), "")
for panel in read.panels or []:
    for target in panel.targets or []:
        if not isinstance(target, Dataquery):
            print(f"panel {panel.id_val} asks something else than Prometheus")
print(f"{len(read.panels or [])} panels")
