"""Checks that the schema in the first file is a JSON schema, that the TOML files after it hold to it, and that it refuses
what it should. Prints how many files there were."""

import copy
import json
import sys
import tomllib

from jsonschema import Draft202012Validator

with open(sys.argv[1], encoding="utf-8") as file:
    schema = json.load(file)
Draft202012Validator.check_schema(schema)
validator = Draft202012Validator(schema)

for name in sys.argv[2:]:
    with open(name, "rb") as file:
        config = tomllib.load(file)
    errors = [f"{name}: {error.json_path}: {error.message}" for error in validator.iter_errors(config)]
    assert not errors, errors

good = {"service": {"shop": {"upstreams": ["http://127.0.0.1:8000"], "retry": False}}}
assert validator.is_valid(good)


def refuses(change):
    bad = copy.deepcopy(good)
    change(bad)
    assert not validator.is_valid(bad), bad


refuses(lambda bad: bad.update(servce={}))
refuses(lambda bad: bad["service"]["shop"].update(retries=3))
refuses(lambda bad: bad["service"]["shop"].update(upstreams="http://127.0.0.1:8000"))
refuses(lambda bad: bad["service"]["shop"].update(preset="fast"))
refuses(lambda bad: bad["service"]["shop"].update(connect_timeout="2"))
refuses(lambda bad: bad["service"]["shop"].update(connect_timeout=2))
refuses(lambda bad: bad["service"]["shop"].update(retry=True))
refuses(lambda bad: bad.update(gateway={"cache_size": "lots"}))
refuses(lambda bad: bad.update(route=[{"path": 7}]))
print(len(sys.argv) - 2)
