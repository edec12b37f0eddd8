"""When an expression comes true, by croniter: one JSON object per line in, one out.

In: {"expression", "zone", "from", "to", "changes"}. Out: a list of spans, each [from, to, times]: the whole as one span, or,
where "changes" says so, a span around every change of the zone's clocks. A time is [seconds since 1970 UTC, whether clocks
show it for the second time, whether they were put forward at this very moment].
"""

import functools
import json
import sys
from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo

from croniter import croniter

AROUND = timedelta(hours=3)
STRIDE = timedelta(hours=1)
SECOND = timedelta(seconds=1)


@functools.cache
def changes(zone, start, end):
    """Spans around the moments at which the offset changes."""
    spans, at, offset = [], start, start.astimezone(zone).utcoffset()
    while at < end:
        later = at + STRIDE
        if later.astimezone(zone).utcoffset() != offset:
            offset = later.astimezone(zone).utcoffset()
            spans.append((at - AROUND, later + AROUND))
        at = later
    return spans


def times(expression, zone, start, end):
    # days are combined as in Vixie cron; where there are six fields, seconds come first
    walk = croniter(
        expression,
        start.astimezone(zone),
        max_years_between_matches=30,
        implement_cron_bug=True,
        second_at_beginning=True,
    )
    while True:
        at = walk.get_next(datetime)
        if at >= end:
            return
        instant = at.astimezone(timezone.utc)
        before = (instant - SECOND).astimezone(zone)
        forward = before.utcoffset() < at.utcoffset()
        yield [int(instant.timestamp()), at.fold == 1, forward]


for line in sys.stdin:
    asked = json.loads(line)
    zone = ZoneInfo(asked["zone"])
    start = datetime.fromtimestamp(asked["from"], timezone.utc)
    end = datetime.fromtimestamp(asked["to"], timezone.utc)
    spans = changes(zone, start, end) if asked["changes"] else [(start, end)]
    found = [
        [int(begin.timestamp()), int(until.timestamp()), list(times(asked["expression"], zone, begin, until))]
        for begin, until in spans
    ]
    print(json.dumps(found), flush=True)
